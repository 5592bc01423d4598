//! Skills that the owner took up from where other programs keep theirs. They are served where they lie: each folder is
//! remembered, looked at like any other place, and its changes pass the same gate.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coworker_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::row::SkillRow;
use super::scan::{Source, Take};
use super::{Skills, SkillsError, protected, source};
use crate::clock;

/// A folder that was taken up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Imported {
    /// The folder, without symbolic links.
    pub place: PathBuf,
    /// Since when.
    pub imported_at: Timestamp,
    /// What is listed of it; nothing while the folder is gone.
    pub skills: Vec<SkillRow>,
}

impl Skills {
    /// Takes up folders that are one skill each. To name a folder consents to show what is there now, and to no grant;
    /// what changes later waits like any update.
    pub async fn import(
        self: &Arc<Self>,
        places: &[PathBuf],
    ) -> Result<Vec<Imported>, SkillsError> {
        let mut taken = Vec::new();
        for place in places {
            let refuse = |why: &str| SkillsError::Path {
                path: place.clone(),
                why: why.to_owned(),
            };
            let real = std::fs::canonicalize(place).map_err(|error| refuse(&error.to_string()))?;
            let found = source::place(&real).map_err(|why| refuse(&why))?;
            if found.take != Take::Itself {
                return Err(refuse("it is no folder with one skill"));
            }
            let own = std::fs::canonicalize(self.home.root())
                .unwrap_or_else(|_| self.home.root().to_owned());
            if protected::overlap(&found.folder, &own) {
                return Err(refuse("it holds the home, or lies in it"));
            }
            taken.push(found);
        }
        let folders: BTreeSet<PathBuf> = taken.iter().map(|source| source.folder.clone()).collect();
        let names = folders.iter().map(|folder| folder.display().to_string());
        self.store.put_places(names.collect(), clock::now()).await?;
        {
            let mut scanner = self.scanner.lock().await;
            for source in taken {
                self.rules.keep_off(source.reach());
                if !scanner.imported.contains(&source) {
                    scanner.imported.push(source);
                }
            }
        }
        self.look(Some(&folders)).await?;
        let all = self.imported().await?;
        Ok(all
            .into_iter()
            .filter(|one| folders.contains(&one.place))
            .collect())
    }

    /// Returns every folder that was taken up, with what is listed of it.
    pub async fn imported(&self) -> Result<Vec<Imported>, SkillsError> {
        let rows = self.rows();
        let places = self.store.places().await?.into_iter().map(|row| {
            let place = PathBuf::from(row.folder);
            let of = |row: &&SkillRow| Path::new(&row.file).starts_with(&place);
            Imported {
                skills: rows.iter().filter(of).cloned().collect(),
                imported_at: row.at,
                place,
            }
        });
        Ok(places.collect())
    }

    /// Gives a folder up: by its path, its name, or the name of its skill. The files stay where they are.
    pub async fn forget(self: &Arc<Self>, name: &str) -> Result<Imported, SkillsError> {
        let means = |one: &&Imported| {
            one.place == Path::new(name)
                || one.place.file_name().is_some_and(|last| last == name)
                || one
                    .skills
                    .iter()
                    .any(|row| row.name.as_deref() == Some(name))
        };
        let all = self.imported().await?;
        let mut found = all.iter().filter(means);
        let one = match (found.next(), found.next()) {
            (Some(one), None) => one.clone(),
            (None, _) => return Err(SkillsError::NotImported(name.to_owned())),
            (Some(_), Some(_)) => {
                let files = all
                    .iter()
                    .filter(means)
                    .map(|one| one.place.display().to_string());
                return Err(SkillsError::Ambiguous {
                    name: name.to_owned(),
                    files: files.collect(),
                });
            }
        };
        self.store
            .drop_place(one.place.display().to_string())
            .await?;
        let mut scanner = self.scanner.lock().await;
        scanner.imported.retain(|source| source.folder != one.place);
        drop(scanner);
        self.look(None).await?;
        Ok(one)
    }
}

/// Returns folders that were taken up as places to look at.
pub(crate) fn sources(folders: impl Iterator<Item = String>) -> Vec<Source> {
    let source = |folder: String| Source {
        folder: PathBuf::from(folder),
        take: Take::Itself,
        home: false,
    };
    folders.map(source).collect()
}

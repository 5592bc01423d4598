//! What the environment says about keys of the configuration.

use std::ffi::OsString;

use tracing_subscriber::EnvFilter;

use super::load::{Origin, Override};

/// The variables and the keys that they stand above.
const VARIABLES: [(&str, &str); 3] = [
    (LOG, "log.level"),
    ("COWORKER_XMTP_SIDECAR", "xmtp.sidecar"),
    ("COWORKER_XMTP_NODE", "xmtp.node_program"),
];
/// The one that many programs read. What is none of ours to read is somebody else's to mean.
const LOG: &str = "RUST_LOG";

/// Returns what a process's environment puts over the file, given a way to look a variable up.
pub fn overrides(variable: impl Fn(&str) -> Option<OsString>) -> Vec<Override> {
    let given = VARIABLES.iter().filter_map(|(name, key)| {
        let value = variable(name)?.into_string().ok()?;
        let counts = !value.is_empty() && (*name != LOG || EnvFilter::try_new(&value).is_ok());
        counts.then(|| Override {
            key: (*key).to_owned(),
            value,
            origin: Origin::Env((*name).to_owned()),
        })
    });
    given.collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn given(variables: &[(&str, &str)]) -> Vec<Override> {
        overrides(|wanted| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn every_variable_stands_above_its_key() {
        let variables = [
            ("RUST_LOG", "debug"),
            ("COWORKER_XMTP_SIDECAR", "/opt/sidecar"),
            ("COWORKER_XMTP_NODE", "/opt/node"),
        ];
        let text = "[log]\nlevel = \"warn\"\n[xmtp]\nsidecar = \"/a\"\n";
        let file = Path::new("config.toml");
        let settings = Config::parse(file, text, &given(&variables)).expect("good values");
        assert_eq!(settings.config.log.level, "debug");
        let list = settings.list();
        for (name, key) in VARIABLES {
            let setting = list.iter().find(|setting| setting.key == key).expect(key);
            assert_eq!(setting.origin, Origin::Env(name.to_owned()));
        }
    }

    #[test]
    fn what_says_nothing_changes_nothing() {
        assert_eq!(given(&[]), []);
        assert_eq!(given(&[("RUST_LOG", ""), ("COWORKER_XMTP_NODE", "")]), []);
        assert_eq!(given(&[("RUST_LOG", "a=b=c")]), []);
    }

    #[test]
    fn a_level_may_be_a_number() {
        let file = Path::new("config.toml");
        let settings = Config::parse(file, "", &given(&[("RUST_LOG", "2")])).expect("a level");
        assert_eq!(settings.config.log.level, "2");
    }
}

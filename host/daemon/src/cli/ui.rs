//! What reaches the terminal: answers on stdout, everything else on stderr, and nothing that could move the cursor
//! unless we wrote it.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io::{self, BufRead, IsTerminal, Write};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::control::Note;
use crate::report::{Failure, printable, printable_json};

/// Work shorter than this shows no progress.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often progress is drawn.
const TICK: Duration = Duration::from_millis(200);
/// The most characters of a line of progress, so that it stays one line.
const WIDTH: usize = 76;

/// How to print.
#[derive(Debug)]
pub(super) struct Ui {
    /// Whether stdout carries JSON alone.
    pub(super) json: bool,
    quiet: bool,
    colour: bool,
    broken: RefCell<Option<io::Error>>,
    drawn: Cell<bool>,
    logs: Cell<bool>,
}

/// The colours of words that mean good, waiting and bad, of headings, and of pictures.
#[derive(Clone, Copy, Debug)]
pub(super) enum Colour {
    Good,
    Waiting,
    Bad,
    Heading,
    Paper,
}

impl Ui {
    pub(super) fn new(json: bool, quiet: bool, no_colour: bool) -> Self {
        // https://no-color.org: present and not empty, whatever it says.
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            json,
            quiet,
            colour: !json && !no_colour && !unwanted && io::stdout().is_terminal(),
            broken: RefCell::new(None),
            drawn: Cell::new(false),
            logs: Cell::new(false),
        }
    }

    /// Gives advice to the log from now on: whoever reads one in JSON can read nothing else beside it.
    pub(super) fn advise_in_log(&self) {
        self.logs.set(true);
    }

    /// Prints a line of the answer. Foreign text in it was made printable by the caller.
    pub(super) fn line(&self, line: &str) {
        self.erase();
        let mut out = io::stdout().lock();
        if let Err(error) = out
            .write_all(line.as_bytes())
            .and_then(|()| out.write_all(b"\n"))
        {
            self.broken.borrow_mut().get_or_insert(error);
        }
    }

    /// Prints a JSON document on one line.
    pub(super) fn document(&self, value: &Value) {
        self.line(&printable_json(&value.to_string()));
    }

    /// Prints a value for people: JSON, indented.
    pub(super) fn pretty(&self, value: &Value) {
        // A value has no keys but texts, so writing it cannot fail.
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        for line in text.lines() {
            self.line(&printable_json(line));
        }
    }

    /// Prints the answer as JSON if that was asked for; else lets `people` print it.
    pub(super) fn answer(&self, value: &Value, people: impl FnOnce(&Self, &Value)) {
        if self.json {
            self.document(value);
        } else {
            people(self, value);
        }
    }

    /// Prints advice on stderr, one line.
    pub(super) fn advise(&self, line: &str) {
        if self.quiet {
            return;
        }
        if self.logs.get() {
            tracing::info!("{line}");
            return;
        }
        self.erase();
        let _ = writeln!(io::stderr(), "{line}");
    }

    /// Prints a failure on stderr.
    pub(super) fn failure(&self, failure: &Failure) {
        self.erase();
        let _ = writeln!(io::stderr(), "{failure}");
    }

    /// Returns `text` in a colour, where colours are wanted.
    pub(super) fn paint(&self, colour: Colour, text: &str) -> String {
        let code = match colour {
            Colour::Good => "32",
            Colour::Waiting => "33",
            Colour::Bad => "31",
            Colour::Heading => "1",
            // Black on white, whatever the terminal's own colours are.
            Colour::Paper => "30;107",
        };
        if self.colour && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    /// Returns whether colours are wanted.
    pub(super) const fn has_colour(&self) -> bool {
        self.colour
    }

    /// Prints rows under headings, aligned. A cell's text was made printable by the caller.
    pub(super) fn table(&self, heads: &[&str], rows: &[Vec<String>]) {
        let width = |at: usize| {
            let cells = rows
                .iter()
                .filter_map(|row| row.get(at))
                .map(|cell| cell.chars().count());
            cells
                .chain(heads.get(at).map(|head| head.chars().count()))
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..heads.len()).map(width).collect();
        let render = |cells: &mut dyn Iterator<Item = &str>| {
            let mut line = String::new();
            for (cell, width) in cells.zip(&widths) {
                line.push_str(&format!("{cell:<width$}  "));
            }
            line.trim_end().to_owned()
        };
        self.line(&self.paint(Colour::Heading, &render(&mut heads.iter().copied())));
        for row in rows {
            self.line(&render(&mut row.iter().map(String::as_str)));
        }
    }

    /// Prints a name and its value, aligned with others of the same kind.
    pub(super) fn field(&self, name: &str, value: &str) {
        if !value.is_empty() {
            self.line(&format!("{name:<12}  {value}"));
        }
    }

    /// Asks a question on the terminal. Without one, the answer is no.
    pub(super) fn confirm(&self, question: &str) -> bool {
        self.question(question) && is_yes()
    }

    /// As `confirm`, while other work goes on and may end the wait.
    pub(super) async fn confirm_beside(&self, question: &str) -> bool {
        self.question(question) && tokio::task::spawn_blocking(is_yes).await.unwrap_or(false)
    }

    /// Asks for words on the terminal. Without one, there are none.
    pub(super) fn ask(&self, question: &str) -> Vec<String> {
        let mut answer = String::new();
        if !self.prompt(question) || io::stdin().lock().read_line(&mut answer).is_err() {
            return Vec::new();
        }
        let words = answer
            .split([' ', ',', '\n'])
            .filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    }

    fn question(&self, question: &str) -> bool {
        self.prompt(&format!("{question} [y/N]"))
    }

    fn prompt(&self, question: &str) -> bool {
        if !self.can_ask() {
            return false;
        }
        self.erase();
        let mut err = io::stderr();
        write!(err, "{question} ")
            .and_then(|()| err.flush())
            .is_ok()
    }

    /// Returns whether somebody sits at a terminal who can be asked.
    pub(super) fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Waits for `work`, showing the latest note on a terminal if it takes longer than a second.
    pub(super) async fn watch<F: Future>(&self, latest: &Latest, work: F) -> F::Output {
        let started = Instant::now();
        tokio::pin!(work);
        if self.quiet || !io::stderr().is_terminal() {
            return work.await;
        }
        loop {
            match tokio::time::timeout(TICK, &mut work).await {
                Ok(ended) => {
                    self.erase();
                    return ended;
                }
                Err(_) if started.elapsed() >= PATIENCE => {
                    self.draw(&latest.text(), started.elapsed());
                }
                Err(_) => {}
            }
        }
    }

    fn draw(&self, text: &str, after: Duration) {
        let text: String = printable(text).chars().take(WIDTH).collect();
        let mut err = io::stderr();
        let _ = write!(err, "\r\u{1b}[K{text} ({} s)", after.as_secs()).and_then(|()| err.flush());
        self.drawn.set(true);
    }

    fn erase(&self) {
        if self.drawn.replace(false) {
            let mut err = io::stderr();
            let _ = write!(err, "\r\u{1b}[K").and_then(|()| err.flush());
        }
    }

    /// Returns whether nobody reads what is printed any more.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.borrow().is_some()
    }

    /// Returns what went wrong with printing. A reader that closed the pipe had enough, and that is no failure.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        let flushed = io::stdout().flush().err();
        match self.broken.borrow_mut().take().or(flushed) {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::failed("cannot write the answer").caused_by(&error))
            }
            _ => Ok(()),
        }
    }
}

fn is_yes() -> bool {
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// The latest note of progress.
#[derive(Debug, Default)]
pub(super) struct Latest(RefCell<Option<Note>>);

impl Latest {
    pub(super) fn set(&self, note: Note) {
        *self.0.borrow_mut() = Some(note);
    }

    fn text(&self) -> String {
        match &*self.0.borrow() {
            Some(Note {
                text,
                done: Some(done),
            }) => format!("{text} {:.0}%", done * 100.0),
            Some(note) => note.text.clone(),
            None => "working".to_owned(),
        }
    }
}

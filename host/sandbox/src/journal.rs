//! What a call says to its owner: lines of log, its own and those of standard output, and progress. All of it is
//! bounded; what exceeds a bound is counted, and one closing line tells how much that was.

use coworker_core::Limits;

use crate::event::{Event, EventSender, Level};

/// The log and progress of one call.
#[derive(Debug)]
pub(crate) struct Journal {
    events: EventSender,
    lines_most: u32,
    lines: u32,
    lines_lost: u32,
    reports_most: u32,
    reports: u32,
    reports_lost: u32,
    out: Line,
    err: Line,
}

/// Which of the two standard streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

/// A line of a standard stream that has not ended yet.
#[derive(Debug, Default)]
struct Line {
    text: Vec<u8>,
    cut: bool,
}

impl Journal {
    pub(crate) fn new(limits: &Limits, events: EventSender) -> Self {
        Self {
            events,
            lines_most: limits.log_lines,
            lines: 0,
            lines_lost: 0,
            reports_most: limits.progress,
            reports: 0,
            reports_lost: 0,
            out: Line::default(),
            err: Line::default(),
        }
    }

    /// Passes a line on, cut at its limit.
    pub(crate) fn log(&mut self, level: Level, line: &str) {
        if self.lines >= self.lines_most {
            self.lines_lost = self.lines_lost.saturating_add(1);
            return;
        }
        self.lines += 1;
        let line = cut(line, Limits::LOG_LINE.len()).to_owned();
        self.send(Event::Log { level, line });
    }

    /// Passes a report of progress on.
    pub(crate) fn progress(&mut self, done: Option<f32>, text: &str) {
        if self.reports >= self.reports_most {
            self.reports_lost = self.reports_lost.saturating_add(1);
            return;
        }
        self.reports += 1;
        self.send(Event::Progress {
            done: done
                .filter(|done| done.is_finite())
                .map(|done| done.clamp(0.0, 1.0)),
            text: cut(text, Limits::PROGRESS_TEXT.len()).to_owned(),
        });
    }

    /// Takes bytes of a standard stream and passes its finished lines on.
    pub(crate) fn write(&mut self, stream: Stream, bytes: &[u8]) {
        let most = Limits::LOG_LINE.len();
        for (at, part) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if at > 0 {
                self.end_line(stream);
            }
            let line = self.line(stream);
            let room = most.saturating_sub(line.text.len());
            line.cut |= part.len() > room;
            line.text.extend(part.iter().take(room));
        }
    }

    /// Passes on what is left and tells what was lost. Returns how many lines there were, lost ones included.
    pub(crate) fn close(&mut self) -> u32 {
        for stream in [Stream::Out, Stream::Err] {
            let line = self.line(stream);
            if !line.text.is_empty() || line.cut {
                self.end_line(stream);
            }
        }
        let lost = match (self.lines_lost, self.reports_lost) {
            (0, 0) => None,
            (lines, 0) => Some(format!("{lines} more lines of log were left out")),
            (0, reports) => Some(format!("{reports} more reports of progress were left out")),
            (lines, reports) => Some(format!(
                "{lines} more lines of log and {reports} more reports of progress were left out"
            )),
        };
        if let Some(line) = lost {
            self.send(Event::Log {
                level: Level::Warn,
                line,
            });
        }
        self.lines.saturating_add(self.lines_lost)
    }

    /// Passes an event on that has no limit of its own.
    pub(crate) fn send(&self, event: Event) {
        // Nobody listens: the call goes on all the same.
        let _ = self.events.send(event);
    }

    fn end_line(&mut self, stream: Stream) {
        let line = std::mem::take(self.line(stream));
        let level = match stream {
            Stream::Out => Level::Info,
            Stream::Err => Level::Warn,
        };
        self.log(level, &String::from_utf8_lossy(&line.text));
    }

    fn line(&mut self, stream: Stream) -> &mut Line {
        match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        }
    }
}

/// Returns the longest start of a text that fits.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(limits: &Limits, run: impl FnOnce(&mut Journal)) -> (Vec<String>, u32) {
        let (events, mut told) = tokio::sync::mpsc::unbounded_channel();
        let mut journal = Journal::new(limits, events);
        run(&mut journal);
        let lines = journal.close();
        drop(journal);
        let mut texts = Vec::new();
        while let Ok(event) = told.try_recv() {
            texts.push(match event {
                Event::Log { line, .. } => line,
                Event::Progress { text, .. } => format!("[{text}]"),
                Event::Chunk(_) | Event::Used(_) => unreachable!("a journal has no output"),
            });
        }
        (texts, lines)
    }

    #[test]
    fn a_flood_is_counted_not_kept() {
        let limits = Limits {
            log_lines: 2,
            progress: 1,
            ..Limits::default()
        };
        let (texts, lines) = told(&limits, |journal| {
            for n in 0..5 {
                journal.log(Level::Info, &format!("line {n}"));
                journal.progress(Some(f32::NAN), &format!("at {n}"));
            }
        });
        assert_eq!(
            texts,
            [
                "line 0",
                "[at 0]",
                "line 1",
                "3 more lines of log and 4 more reports of progress were left out"
            ]
        );
        assert_eq!(lines, 5);
    }

    #[test]
    fn standard_output_becomes_lines() {
        let (texts, _) = told(&Limits::default(), |journal| {
            journal.write(Stream::Out, b"one\ntw");
            journal.write(Stream::Err, b"oops");
            journal.write(Stream::Out, b"o\n\nrest \xff");
        });
        assert_eq!(texts, ["one", "two", "", "rest \u{fffd}", "oops"]);
    }

    #[test]
    fn a_line_is_cut_at_a_character() {
        let long = "ä".repeat(4_000);
        let (texts, _) = told(&Limits::default(), |journal| {
            journal.log(Level::Info, &long);
            journal.write(Stream::Out, &[b'x'; 100_000]);
        });
        assert_eq!(texts[0].len(), 4_096);
        assert_eq!(texts[1].len(), 4_096);
        assert_eq!(cut("aä", 2), "a");
    }
}

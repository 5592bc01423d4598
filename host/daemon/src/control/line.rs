//! Lines of bounded length, read and written whole.

use std::io;

use serde::Serialize;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};

/// What a read found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line, without its end.
    Whole(Vec<u8>),
    /// More than the bound without an end. What follows is not looked at.
    TooLong,
    /// The other side is gone.
    End,
}

/// Reads up to the next line feed, but never holds more than `bound` bytes of it.
pub(super) async fn read<R>(reader: &mut R, bound: usize) -> io::Result<Line>
where
    R: AsyncBufRead + Unpin,
{
    let mut line = Vec::new();
    loop {
        let waiting = reader.fill_buf().await?;
        if waiting.is_empty() {
            // Half a line is not a request: whoever wrote it went away in the middle.
            return Ok(Line::End);
        }
        let end = waiting.iter().position(|byte| *byte == b'\n');
        let part = waiting
            .get(..end.unwrap_or(waiting.len()))
            .unwrap_or_default();
        if line.len() + part.len() > bound {
            return Ok(Line::TooLong);
        }
        line.extend_from_slice(part);
        let read = part.len() + usize::from(end.is_some());
        reader.consume(read);
        if end.is_some() {
            return Ok(Line::Whole(line));
        }
    }
}

/// Writes `value` as one line.
pub(super) async fn write<W, T>(writer: &mut W, value: &T) -> io::Result<()>
where
    W: AsyncWrite + Unpin,
    T: Serialize,
{
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    writer.write_all(&line).await?;
    writer.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_end_where_they_end() {
        let mut reader = tokio::io::BufReader::with_capacity(3, &b"abcdef\n\nhalf"[..]);
        assert_eq!(
            read(&mut reader, 6).await.ok(),
            Some(Line::Whole(b"abcdef".to_vec()))
        );
        assert_eq!(
            read(&mut reader, 6).await.ok(),
            Some(Line::Whole(Vec::new()))
        );
        assert_eq!(read(&mut reader, 6).await.ok(), Some(Line::End));
        assert_eq!(
            read(&mut &b"abcdefg\n"[..], 6).await.ok(),
            Some(Line::TooLong)
        );
    }
}

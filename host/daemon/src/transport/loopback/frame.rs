//! What goes over a loopback connection after the handshake: a length, a kind, and a body of bounded size.

use std::io;

use coworker_core::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest frame: what the largest message of the public network needs, and room for its head.
const LONGEST: u32 = 26 << 20;
/// The longest message id.
const LONGEST_ID: usize = 128;

/// One unit of the protocol.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A message.
    Message {
        id: String,
        sent: Timestamp,
        bytes: Vec<u8>,
    },
    /// The message of this id is on the receiver's disk.
    Kept { id: String },
}

impl Frame {
    /// Writes the frame in one go.
    pub(super) async fn write<W: AsyncWrite + Unpin>(&self, write: &mut W) -> io::Result<()> {
        let mut body = Vec::new();
        let head = |body: &mut Vec<u8>, kind: u8, id: &str| {
            body.extend_from_slice(&[0; 4]);
            body.push(kind);
            body.push(u8::try_from(id.len()).unwrap_or(u8::MAX));
            body.extend_from_slice(id.as_bytes());
        };
        match self {
            Self::Message { id, sent, bytes } => {
                body.reserve(bytes.len() + id.len() + 14);
                head(&mut body, 1, id);
                body.extend_from_slice(&sent.0.to_be_bytes());
                body.extend_from_slice(bytes);
            }
            Self::Kept { id } => head(&mut body, 2, id),
        }
        let length = u32::try_from(body.len() - 4).map_err(|_| io::ErrorKind::InvalidInput)?;
        if length > LONGEST {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        for (place, byte) in body.iter_mut().zip(length.to_be_bytes()) {
            *place = byte;
        }
        write.write_all(&body).await
    }
}

/// Reads the next frame; nothing at the end of the connection. Memory grows with what arrives, not with what is
/// announced.
pub(super) async fn read<R: AsyncRead + Unpin>(read: &mut R) -> io::Result<Option<Frame>> {
    let length = match read.read_u32().await {
        Ok(length) if length <= LONGEST => length,
        Ok(_) => return Err(io::ErrorKind::InvalidData.into()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut body = Vec::new();
    read.take(u64::from(length)).read_to_end(&mut body).await?;
    if body.len() != length as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    parse(&body)
        .map(Some)
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn parse(body: &[u8]) -> Option<Frame> {
    let (&kind, rest) = body.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (id, rest) = rest.split_at_checked(usize::from(length))?;
    let id = std::str::from_utf8(id)
        .ok()
        .filter(|id| !id.is_empty() && id.len() <= LONGEST_ID)?
        .to_owned();
    match kind {
        1 => {
            let (sent, bytes) = rest.split_first_chunk::<8>()?;
            Some(Frame::Message {
                id,
                sent: Timestamp(i64::from_be_bytes(*sent)),
                bytes: bytes.to_vec(),
            })
        }
        2 if rest.is_empty() => Some(Frame::Kept { id }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Memory is always ready, so one poll is enough.
    fn now<F: Future>(work: F) -> F::Output {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::pin!(work).poll(&mut context) {
            std::task::Poll::Ready(output) => output,
            std::task::Poll::Pending => unreachable!("memory never waits"),
        }
    }

    fn over_the_wire(bytes: &[u8]) -> io::Result<Option<Frame>> {
        now(read(&mut &*bytes))
    }

    proptest! {
        #[test]
        fn frames_lead_back(id in "[a-z0-9]{1,64}", at in any::<i64>(), bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
            for frame in [Frame::Message { id: id.clone(), sent: Timestamp(at), bytes }, Frame::Kept { id }] {
                let mut wire = Vec::new();
                now(frame.write(&mut wire)).expect("memory takes everything");
                prop_assert_eq!(over_the_wire(&wire).expect("a whole frame"), Some(frame));
                wire.truncate(wire.len() - 1);
                prop_assert!(over_the_wire(&wire).is_err(), "a cut frame must not pass");
            }
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = over_the_wire(&bytes);
        }
    }

    #[test]
    fn an_announced_length_costs_no_memory() {
        assert!(over_the_wire(&[0xff; 64]).is_err());
        assert!(over_the_wire(&[1, 0x90, 0, 0, 1, 1, b'a']).is_err());
    }
}

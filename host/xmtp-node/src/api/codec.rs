//! Takes requests apart, but none with more parts than anybody may ask for: an empty part has two bytes on the wire and a
//! hundred in memory, so a request of 25 MB could be a gigabyte before it is refused.

use bytes::Buf;
use prost::Message;
use prost::encoding::{DecodeContext, decode_key, skip_field};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic_prost::ProstCodec;

/// Answers with `R`, and reads a `Q` that has at most so many fields.
pub(super) struct Bounded<R, Q> {
    codec: ProstCodec<R, Q>,
    most: usize,
}

impl<R, Q> Bounded<R, Q> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            codec: ProstCodec::default(),
            most,
        }
    }
}

impl<R, Q> Codec for Bounded<R, Q>
where
    R: Message + Send + 'static,
    Q: Message + Default + Send + 'static,
{
    type Encode = R;
    type Decode = Q;
    type Encoder = <ProstCodec<R, Q> as Codec>::Encoder;
    type Decoder = BoundedDecoder<Q>;

    fn encoder(&mut self) -> Self::Encoder {
        self.codec.encoder()
    }

    fn decoder(&mut self) -> Self::Decoder {
        BoundedDecoder {
            most: self.most,
            reads: std::marker::PhantomData,
        }
    }
}

/// The half of [`Bounded`] that reads.
pub(super) struct BoundedDecoder<Q> {
    most: usize,
    reads: std::marker::PhantomData<fn() -> Q>,
}

impl<Q: Message + Default> Decoder for BoundedDecoder<Q> {
    type Item = Q;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Q>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        if !has_at_most(&bytes, self.most) {
            return Err(Status::invalid_argument("too much in one request"));
        }
        Q::decode(bytes)
            .map(Some)
            .map_err(|_| Status::invalid_argument("not the message that belongs here"))
    }
}

/// Returns whether a message has at most `most` fields of its own. What cannot be read has no more: it is refused by
/// whoever reads it.
pub(super) fn has_at_most(bytes: &[u8], most: usize) -> bool {
    let mut rest = bytes;
    for _ in 0..most {
        if rest.is_empty() {
            return true;
        }
        let skipped = decode_key(&mut rest)
            .and_then(|(tag, wire)| skip_field(wire, tag, &mut rest, DecodeContext::default()));
        if skipped.is_err() {
            return true;
        }
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_and_what_is_in_them_is_not() {
        // Field 1, three times: one byte, empty, and one that looks like fields.
        let bytes = [0x0a, 1, 9, 0x0a, 0, 0x0a, 4, 0x0a, 0, 0x0a, 0];
        assert!(has_at_most(&bytes, 3) && has_at_most(&[], 0));
        assert!(!has_at_most(&bytes, 2));
        // A length that is longer than the rest.
        assert!(has_at_most(&[0x0a, 0, 0x0a, 200], 2));
    }
}

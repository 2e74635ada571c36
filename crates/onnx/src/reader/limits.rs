//! How many messages a file holds, counted before they take memory: an empty one is two bytes in a file and hundreds in
//! memory.

use prost::DecodeError;
use prost::bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// The most bytes of a file: the format allows no more.
pub(crate) const MAX_BYTES: usize = (1 << 31) - 1;
/// The most messages, texts and sizes of a file: the networks of this world have some thousands.
const MAX_ENTRIES: usize = 1_000_000;

/// A message, by the fields that hold messages or texts.
struct MessageFields(&'static [(u32, &'static MessageFields)]);

const LEAF: MessageFields = MessageFields(&[]);
const TEXTS: MessageFields = MessageFields(&[(1, &LEAF), (2, &LEAF)]);
const TENSOR: MessageFields = MessageFields(&[(13, &TEXTS)]);
const ATTRIBUTE: MessageFields = MessageFields(&[(5, &TENSOR), (11, &LEAF)]);
const NODE: MessageFields = MessageFields(&[(1, &LEAF), (2, &LEAF), (5, &ATTRIBUTE)]);
const SHAPE: MessageFields = MessageFields(&[(1, &LEAF)]);
const TENSOR_TYPE: MessageFields = MessageFields(&[(2, &SHAPE)]);
const TYPE: MessageFields = MessageFields(&[(1, &TENSOR_TYPE)]);
const VALUE: MessageFields = MessageFields(&[(2, &TYPE)]);
const GRAPH: MessageFields =
    MessageFields(&[(1, &NODE), (5, &TENSOR), (11, &VALUE), (12, &VALUE), (15, &LEAF)]);
const MODEL: MessageFields = MessageFields(&[(7, &GRAPH), (8, &LEAF), (14, &TEXTS)]);

/// An error if a file holds more messages than a network needs, or is cut off.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn check_entries(bytes: &[u8]) -> Result<(), String> {
    let mut left = MAX_ENTRIES;
    count(bytes, &MODEL, &mut left).map_err(|error| error.to_string())?;
    match left {
        0 => Err(format!("it holds more than {MAX_ENTRIES} messages")),
        _ => Ok(()),
    }
}

/// Takes what a message holds from `left`, down to 0. The depth is that of the tables above.
fn count(mut bytes: &[u8], message: &MessageFields, left: &mut usize) -> Result<(), DecodeError> {
    while bytes.has_remaining() && *left > 0 {
        let (tag, wire_type) = decode_key(&mut bytes)?;
        let field = message.0.iter().find(|(known, _)| *known == tag);
        match (wire_type, field) {
            (WireType::LengthDelimited, Some((_, inner))) => {
                *left -= 1;
                let len = usize::try_from(decode_varint(&mut bytes)?).unwrap_or(usize::MAX);
                // A message that is cut off is what the decoder names.
                let (inside, rest) = bytes.split_at(len.min(bytes.len()));
                // Texts and bytes hold nothing more.
                if !inner.0.is_empty() {
                    count(inside, inner, left)?;
                }
                bytes = rest;
            }
            _ => skip_field(wire_type, tag, &mut bytes, DecodeContext::default())?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_file_of_many_empty_messages_is_refused() {
        // Empty nodes in a graph: two bytes each.
        let nodes = [0x0a, 0x00].repeat(MAX_ENTRIES);
        let mut file = vec![0x3a];
        prost::encoding::encode_varint(nodes.len() as u64, &mut file);
        let file = [file, nodes].concat();
        assert!(check_entries(&file).unwrap_err().contains("more than 1000000"));
        assert_eq!(check_entries(&[0x3a, 0x04, 0x0a, 0x00, 0x0a, 0x00]), Ok(()));
        assert!(check_entries(&[0xff]).is_err());
    }
}

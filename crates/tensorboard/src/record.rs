//! Records of an event file: the length of a message, the message, and a checksum of either.
//!
//! Source: TensorFlow, "TFRecord and tf.train.Example", section "TFRecords format details"; CRC-32C is that of RFC 3720,
//! appendix B.4.

/// The message with what stands around it in a file.
pub(crate) fn record(message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u64).to_le_bytes();
    let checksum = |bytes: &[u8]| masked(crc32c(bytes)).to_le_bytes();
    [&length[..], &checksum(&length), message, &checksum(message)].concat()
}

/// The checksum of bytes that may hold checksums of their own kind.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32 with the polynomial of Castagnoli, its bits from lowest to highest.
fn crc32c(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < table.len() {
            let (mut remainder, mut bit) = (byte as u32, 0);
            while bit < 8 {
                remainder = (remainder >> 1) ^ (POLYNOMIAL * (remainder & 1));
                bit += 1;
            }
            table[byte] = remainder;
            byte += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc, &byte| (crc >> 8) ^ TABLE[usize::from(crc as u8 ^ byte)])
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The messages of a file whose checksums are right, and how many bytes of a last one that is cut follow.
    #[track_caller]
    pub(crate) fn messages(mut file: &[u8]) -> (Vec<Vec<u8>>, usize) {
        let mut found = Vec::new();
        while let Some((length, _)) = file.split_first_chunk::<8>() {
            let end = 12 + u64::from_le_bytes(*length) as usize;
            let Some((whole, rest)) = file.split_at_checked(end + 4) else { break };
            let message = whole[12..end].to_vec();
            assert_eq!(whole, record(&message));
            found.push(message);
            file = rest;
        }
        (found, file.len())
    }

    #[test]
    fn checksums_are_those_of_the_standard() {
        let ascending: Vec<u8> = (0..32).collect();
        let descending: Vec<u8> = ascending.iter().rev().copied().collect();
        // RFC 3720, B.4, and the check value of the catalogue of CRC algorithms.
        for (bytes, expected) in [
            (&[0; 32][..], 0x8a91_36aa),
            (&[0xff; 32], 0x62a8_ab43),
            (&ascending, 0x46dd_794e),
            (&descending, 0x113f_db5c),
            (b"123456789", 0xe306_9283),
            (b"", 0),
        ] {
            assert_eq!(crc32c(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn records_have_the_checksums_that_the_python_package_writes() {
        let found = record(b"");
        assert_eq!(found[..12], [0, 0, 0, 0, 0, 0, 0, 0, 0x29, 0x03, 0x98, 0x07]);
        assert_eq!(found[12..], [0xd8, 0xea, 0x82, 0xa2]);
        assert_eq!(record(b"one")[12..], *b"one\x01\x40\x55\x08");
        let (found, rest) = messages(&[record(b"one"), record(&[7; 300]), vec![1, 2]].concat());
        assert_eq!((found, rest), (vec![b"one".to_vec(), vec![7; 300]], 2));
    }
}

//! The compressed form of the images: Huffman codes that depend on the neighbours of a pixel.
//!
//! Each pixel has a code by the pixels to its left and above it. Where the left, the upper and the upper right pixel are
//! paper, what is coded is the number of further such places that are paper as well: three quarters of all pixels cost
//! nothing. Codes are canonical, so that their lengths suffice to know them.
//!
//! Source: Huffman (1952), "A method for the construction of minimum-redundancy codes"; canonical codes as in RFC 1951,
//! section 3.2.2.

use std::iter::repeat_n;
use std::thread;

use crate::{COLUMNS, PIXELS};

/// The longest code, in bits. With longer ones the file is a hundredth smaller, and the tables to read them leave the cache.
const LONGEST: u32 = 10;
/// Numbers of `LONGEST` bits.
const SLOTS: usize = 1 << LONGEST;
/// Contexts of pixels: four levels of the pixels to the left and above, ink or paper of the two beside that.
const PIXEL_CONTEXTS: usize = 4 * 4 * 2 * 2;
/// The context of counts of paper.
const RUN: usize = PIXEL_CONTEXTS;
const CONTEXTS: usize = PIXEL_CONTEXTS + 1;
/// A count that is at least this is this and the rest.
const LONG_RUN: usize = 255;
const SYMBOLS: usize = 256;
/// Parts of the images, each with codes of its own, so that several threads decompress them.
const PARTS: usize = 4;
/// Zeros behind the codes of a part, so that whole words can be read.
const PADDING: usize = 8;

/// A row of pixels with paper at both ends, so that each has neighbours.
type Row = [u8; COLUMNS + 2];
/// The length of the code of each symbol of a context; 0 for those that do not occur.
type Lengths = [u8; SYMBOLS];

/// Compresses images.
pub fn encode(images: &[u8]) -> Vec<u8> {
    let parts = || images.chunks(part_len(images.len()));
    let symbols: Vec<_> = parts().map(symbols).collect();
    let mut counts = vec![[0_u64; SYMBOLS]; CONTEXTS];
    for &(context, symbol) in symbols.iter().flatten() {
        counts[context][usize::from(symbol)] += 1;
    }
    let lengths: Vec<Lengths> = counts.into_iter().map(code_lengths).collect();
    let mut file: Vec<u8> =
        lengths.as_flattened().chunks_exact(2).map(|two| two[0] << 4 | two[1]).collect();
    for (images, symbols) in parts().zip(symbols) {
        let coded = encode_part(&lengths, symbols);
        file.extend(checksum(images).to_le_bytes());
        file.extend((coded.len() as u64).to_le_bytes());
        file.extend(coded);
    }
    file
}

/// Bytes of the images of a part, of so many in all; the last part may be shorter.
fn part_len(images: usize) -> usize {
    (images / PIXELS).div_ceil(PARTS).max(1) * PIXELS
}

/// The codes of some symbols, one after the other.
fn encode_part(lengths: &[Lengths], symbols: Vec<(usize, u8)>) -> Vec<u8> {
    let codes: Vec<_> = lengths.iter().map(|lengths| codes(lengths)).collect();
    let (mut bytes, mut buffer, mut bits) = (Vec::new(), 0_u64, 0);
    for (context, symbol) in symbols {
        let length = u32::from(lengths[context][usize::from(symbol)]);
        buffer = buffer << length | u64::from(codes[context][usize::from(symbol)]);
        bits += length;
        while bits >= 8 {
            bits -= 8;
            bytes.push((buffer >> bits) as u8);
        }
    }
    if bits > 0 {
        bytes.push((buffer << (8 - bits)) as u8);
    }
    bytes.extend([0; PADDING]);
    bytes
}

/// The symbols of some images, each with its context.
fn symbols(images: &[u8]) -> Vec<(usize, u8)> {
    // A run stands right after the pixel that it begins behind: each has the pixels up to its end.
    let mut runs: Vec<(usize, Vec<(usize, u8)>)> = vec![(0, Vec::new())];
    for image in images.chunks_exact(PIXELS) {
        let mut above: Row = [0; COLUMNS + 2];
        for pixels in image.chunks_exact(COLUMNS) {
            let mut row: Row = [0; COLUMNS + 2];
            row[1..=COLUMNS].copy_from_slice(pixels);
            for x in 1..=COLUMNS {
                let (run, inked) = runs.last_mut().expect("there is always one");
                let is_paper = row[x - 1] | above[x] | above[x + 1] == 0;
                if is_paper && row[x] == 0 {
                    *run += 1;
                    continue;
                }
                inked.push((context(row[x - 1], &above, x), row[x]));
                if is_paper {
                    runs.push((0, Vec::new()));
                }
            }
            above = row;
        }
    }
    let coded = |(run, inked): (usize, Vec<_>)| {
        let run = repeat_n(LONG_RUN, run / LONG_RUN).chain([run % LONG_RUN]);
        run.map(|part| (RUN, part as u8)).chain(inked)
    };
    runs.into_iter().flat_map(coded).collect()
}

/// Lengths of the codes for symbols that occur so often, none above [`LONGEST`].
fn code_lengths(mut counts: [u64; SYMBOLS]) -> Lengths {
    loop {
        // Each group of symbols: how often it occurs, and which symbols are in it. The two rarest groups become one, and
        // the codes of their symbols one bit longer, until one group is left.
        let occurs = |symbol: &usize| counts[*symbol] > 0;
        let mut groups: Vec<(u64, Vec<usize>)> =
            (0..SYMBOLS).filter(occurs).map(|symbol| (counts[symbol], vec![symbol])).collect();
        let mut lengths = [0; SYMBOLS];
        // A code has at least one bit.
        if let [(_, only)] = &groups[..] {
            lengths[only[0]] = 1;
        }
        while groups.len() > 1 {
            groups.sort_by(|a, b| b.cmp(a));
            let (rarest, other) = (groups.pop().expect("two"), groups.pop().expect("two"));
            let both = [rarest.1, other.1].concat();
            both.iter().for_each(|symbol| lengths[*symbol] += 1);
            groups.push((rarest.0 + other.0, both));
        }
        if lengths.iter().all(|length| u32::from(*length) <= LONGEST) {
            return lengths;
        }
        // Counts that differ less make codes that differ less.
        counts = counts.map(|count| count.div_ceil(2));
    }
}

/// The canonical code of each symbol: shorter ones first, those of one length in the order of their symbols.
fn codes(lengths: &[u8]) -> [u32; SYMBOLS] {
    let (mut codes, mut next) = ([0; SYMBOLS], 0);
    for length in 1..=LONGEST {
        next <<= 1;
        for symbol in (0..SYMBOLS).filter(|symbol| u32::from(lengths[*symbol]) == length) {
            codes[symbol] = next;
            next += 1;
        }
    }
    codes
}

/// Decompresses images into `images`, of which there are as many as were compressed; each part on a thread of its own,
/// where there are threads.
///
/// # Errors
///
/// What is wrong with the file.
pub fn decode(file: &[u8], images: &mut [u8]) -> Result<(), &'static str> {
    let (lengths, mut rest) = file.split_at_checked(CONTEXTS * SYMBOLS / 2).ok_or(CUT)?;
    let slots = read_slots(lengths)?;
    let slots: &Slots = slots.as_slice().try_into().expect("some for each context");
    let len = part_len(images.len());
    let parts: Vec<_> = images
        .chunks_mut(len)
        .map(|images| Ok((CodedPart::split_off(&mut rest)?, images)))
        .collect::<Result<_, _>>()?;
    if !rest.is_empty() {
        return Err("the file is too long");
    }
    if cfg!(target_family = "wasm") {
        return parts.into_iter().try_for_each(|(part, images)| part.decode(slots, images));
    }
    thread::scope(|scope| {
        let start = |(part, images)| scope.spawn(move || CodedPart::decode(part, slots, images));
        let threads: Vec<_> = parts.into_iter().map(start).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("decoding does not panic"))
    })
}

/// What a file is that ends before its last code.
const CUT: &str = "the file is too short";

/// The table to read codes with, from their lengths, two a byte.
fn read_slots(lengths: &[u8]) -> Result<Vec<u16>, &'static str> {
    let mut slots = vec![0; CONTEXTS * SLOTS];
    for (slots, lengths) in slots.chunks_exact_mut(SLOTS).zip(lengths.chunks_exact(SYMBOLS / 2)) {
        let lengths: Vec<u8> = lengths.iter().flat_map(|two| [two >> 4, two & 15]).collect();
        for (symbol, code) in codes(&lengths).into_iter().enumerate() {
            let length = u32::from(lengths[symbol]);
            if length == 0 {
                continue;
            }
            // All numbers that begin with the code.
            let free = LONGEST.checked_sub(length).ok_or("a code is too long")?;
            let (first, count) = ((code as usize) << free, 1 << free);
            let slots = slots.get_mut(first..first + count).ok_or("there are too many codes")?;
            slots.fill((length as u16) << 8 | symbol as u16);
        }
    }
    Ok(slots)
}

/// Some of the images, compressed.
struct CodedPart<'a> {
    checksum: u64,
    codes: &'a [u8],
}

impl<'a> CodedPart<'a> {
    /// The part at the beginning of `file`, which is the rest then.
    fn split_off(file: &mut &'a [u8]) -> Result<Self, &'static str> {
        let (checksum, rest) = file.split_first_chunk().ok_or(CUT)?;
        let (len, rest) = rest.split_first_chunk().ok_or(CUT)?;
        let len = usize::try_from(u64::from_le_bytes(*len)).map_err(|_| CUT)?;
        let (codes, rest) = rest.split_at_checked(len).ok_or(CUT)?;
        *file = rest;
        Ok(Self { checksum: u64::from_le_bytes(*checksum), codes })
    }

    fn decode(self, slots: &Slots, images: &mut [u8]) -> Result<(), &'static str> {
        let mut bits = Bits { bytes: self.codes, at: 0, buffer: 0, count: 0 };
        decode_images(slots, &mut bits, images);
        // Bytes that were read, but of which no bit was used, are left over.
        let used = bits.at - bits.count as usize / 8;
        match used + PADDING == self.codes.len() && self.checksum == checksum(images) {
            true => Ok(()),
            false => Err("the checksum is wrong"),
        }
    }
}

/// For each context and each number of [`LONGEST`] bits: the length of the code that it begins with, and its symbol.
type Slots = [u16; CONTEXTS * SLOTS];

fn decode_images(slots: &Slots, bits: &mut Bits<'_>, images: &mut [u8]) {
    let mut run = read_run(slots, bits);
    for image in images.chunks_exact_mut(PIXELS) {
        let mut above: Row = [0; COLUMNS + 2];
        // Bit `x` is set where `above[x]` is ink.
        let mut ink_above = 0_u32;
        for pixels in image.chunks_exact_mut(COLUMNS) {
            let mut row: Row = [0; COLUMNS + 2];
            let mut ink = 0;
            let is_near_ink = ink_above | ink_above >> 1;
            let mut x = 1;
            while x <= COLUMNS {
                let mut ends_run = false;
                if row[x - 1] == 0 {
                    let end = 1 << (COLUMNS + 1 - x);
                    let paper = (is_near_ink >> x | end).trailing_zeros();
                    let skipped = paper.min(run);
                    run -= skipped;
                    x += skipped as usize;
                    ends_run = skipped < paper;
                    if x > COLUMNS {
                        break;
                    }
                }
                row[x] = bits.read(slots, context(row[x - 1], &above, x));
                ink |= u32::from(row[x] > 0) << x;
                if ends_run {
                    run = read_run(slots, bits);
                }
                x += 1;
            }
            pixels.copy_from_slice(&row[1..=COLUMNS]);
            (above, ink_above) = (row, ink);
        }
    }
}

fn read_run(slots: &Slots, bits: &mut Bits<'_>) -> u32 {
    let mut run = 0;
    loop {
        let part = bits.read(slots, RUN);
        run += u32::from(part);
        // In a damaged file it may have no end.
        if usize::from(part) < LONG_RUN || run > 1 << 30 {
            return run;
        }
    }
}

/// Codes that are being read.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Bits that were read, the next one at the top, and how many of them count.
    buffer: u64,
    count: u32,
}

impl Bits<'_> {
    #[inline(always)]
    fn read(&mut self, slots: &Slots, context: usize) -> u8 {
        if self.count < LONGEST {
            // Behind the end there are only zeros: such a file is found to be too short in the end.
            let word = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk());
            self.buffer |= u64::from_be_bytes(word.copied().unwrap_or_default()) >> self.count;
            self.at += (63 - self.count as usize) / 8;
            self.count |= 56;
        }
        let slot = slots[context * SLOTS + (self.buffer >> (64 - LONGEST)) as usize];
        let length = u32::from(slot >> 8);
        self.buffer <<= length;
        // A number that begins with no code of a damaged file has length 0 and is read again, as often as there are pixels.
        self.count -= length;
        slot as u8
    }
}

/// By how much ink a pixel is surrounded.
#[inline(always)]
fn context(left: u8, above: &Row, x: usize) -> usize {
    // Four levels of ink, the first and the last as good as paper and ink alone.
    let level = |pixel: u8| [1, 126, 252].iter().filter(|&&least| pixel >= least).count();
    let is_ink = |pixel: u8| usize::from(pixel > 0);
    (level(left) * 4 + level(above[x])) * 4 + is_ink(above[x + 1]) * 2 + is_ink(above[x - 1])
}

/// A number that other images would almost surely not have.
fn checksum(images: &[u8]) -> u64 {
    let words = images.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().expect("8")));
    // The odd constant is 2⁶⁴ over the golden ratio. Each step can be undone, so that no word is lost.
    words.fold(images.len() as u64, |sum, word| {
        (sum ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four images: paper, ink, a gradient, and noise.
    fn images() -> Vec<u8> {
        let pixel = |i: usize| match i / PIXELS {
            0 => 0,
            1 => 255,
            2 => (i % COLUMNS * 9) as u8,
            _ => (i.wrapping_mul(0x9e37_79b9) >> 7) as u8,
        };
        (0..4 * PIXELS).map(pixel).collect()
    }

    #[test]
    fn decoding_undoes_encoding() {
        // Noise of so many lengths that some codes end with a byte.
        let noise = (1..40).map(|n| images()[3 * PIXELS..][..PIXELS].repeat(n));
        let others = [images(), vec![0; PIXELS], vec![7; 3 * PIXELS], vec![]];
        for images in others.into_iter().chain(noise) {
            let mut decoded = vec![1; images.len()];
            assert_eq!(decode(&encode(&images), &mut decoded), Ok(()));
            assert!(decoded == images);
        }
    }

    #[test]
    fn rare_symbols_have_codes_that_are_not_too_long() {
        // Fibonacci numbers make the longest codes there are.
        let mut counts = [0; SYMBOLS];
        (counts[0], counts[1]) = (1, 1);
        (2..40).for_each(|i| counts[i] = counts[i - 1] + counts[i - 2]);
        let lengths = code_lengths(counts);
        assert!(lengths[..40].iter().all(|length| (1..=10).contains(length)), "{lengths:?}");
        assert_eq!(lengths[39], *lengths[..40].iter().min().unwrap());
        let filled: usize = lengths[..40].iter().map(|length| SLOTS >> length).sum();
        assert_eq!(filled, SLOTS);
    }

    #[test]
    fn no_flipped_byte_changes_an_image_unnoticed_and_another_length_is_an_error() {
        let images = images();
        let mut file = encode(&images);
        let mut decoded = vec![0; images.len()];
        for i in (0..file.len()).step_by(7) {
            file[i] ^= 0x55;
            assert!(decode(&file, &mut decoded).is_err() || decoded == images, "byte {i}");
            file[i] ^= 0x55;
        }
        for len in (0..file.len()).step_by(197).chain(file.len() - 3..file.len()) {
            assert!(decode(&file[..len], &mut decoded).is_err(), "{len} of {} bytes", file.len());
        }
        assert!(decode(&[&file[..], &[0]].concat(), &mut decoded).is_err());
        assert!(decode(&file, &mut vec![0; 2 * images.len()]).is_err());
    }
}

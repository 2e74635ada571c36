//! ZIP archives: members that are stored or deflated, found by the directory at the end.
//!
//! Nothing that a header announces is allocated: a member whose size is not possible is refused, and what is read is
//! compared with its size and its checksum.
//!
//! Source: PKWARE, "APPNOTE.TXT: .ZIP File Format Specification", version 6.3.10.

use std::io::{self, BufReader, Read, SeekFrom};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use crate::input::{Input, ReadSeek};
use crate::{DataError, DataFault};

/// Bytes of the record at the end, and of the longest comment behind it.
const END: u64 = 22;
const COMMENT: u64 = 0xffff;
/// The most bytes of a directory: half a million members.
const DIRECTORY: u64 = 64 << 20;
/// The flag of a member that needs a password.
const ENCRYPTED: u16 = 1;
/// Deflate does not shrink anything to less than a part in so many.
const MOST_DEFLATED: u64 = 1032;

/// A member of an archive.
#[derive(Clone, Debug)]
pub(crate) struct ZipMember {
    pub(crate) name: String,
    /// Bytes after unpacking.
    pub(crate) size: u64,
    packed: u64,
    flags: u16,
    method: u16,
    crc: u32,
    offset: u64,
}

impl ZipMember {
    /// Whether it is a folder, whose files are members of their own.
    #[cfg(any(feature = "files", test))]
    pub(crate) fn is_folder(&self) -> bool {
        self.name.ends_with('/')
    }
}

/// The bytes of the archive itself.
#[cfg(feature = "files")]
pub(crate) fn len(input: &Input) -> Result<u64, DataError> {
    input.open()?.seek(SeekFrom::End(0)).map_err(|error| input.error(error))
}

/// The members of an archive.
pub(crate) fn members(input: &Input) -> Result<Vec<ZipMember>, DataError> {
    let mut file = input.open()?;
    directory(&mut *file).map_err(|fault| input.error(fault))
}

fn directory(file: &mut dyn ReadSeek) -> Result<Vec<ZipMember>, DataFault> {
    let broken = |what: &str| DataFault::Columns(format!("ZIP archive: {what}"));
    let len = file.seek(SeekFrom::End(0))?;
    let tail = read_at(file, len.saturating_sub(END + COMMENT), len.min(END + COMMENT))?;
    let end = tail.windows(4).rposition(|bytes| bytes == b"PK\x05\x06");
    let Some(end) = end.filter(|end| tail.len() - end >= END as usize) else {
        return Err(broken("its directory is not found; is it complete?"));
    };
    let record = &tail[end..];
    let (mut size, mut offset) = (u64::from(u32_at(record, 12)), u64::from(u32_at(record, 16)));
    // Sizes that need 64 bits are in a record before.
    let locator = end.checked_sub(20).map(|at| &tail[at..end]);
    if let Some(locator) = locator.filter(|locator| locator.starts_with(b"PK\x06\x07")) {
        let record = read_at(file, u64_at(locator, 8), 56)?;
        if !record.starts_with(b"PK\x06\x06") {
            return Err(broken("its 64-bit directory is not found"));
        }
        (size, offset) = (u64_at(&record, 40), u64_at(&record, 48));
    }
    if size > DIRECTORY {
        let what = "ZIP archive: directory".to_owned();
        return Err(DataFault::Announced { what, found: size, limit_bytes: DIRECTORY });
    }
    let directory = read_at(file, offset, size)?;
    let (mut rest, mut members, mut packed) = (&directory[..], Vec::new(), 0_u64);
    while rest.starts_with(b"PK\x01\x02") && rest.len() >= 46 {
        let [name, extra, comment] = [28, 30, 32].map(|at| usize::from(u16_at(rest, at)));
        let Some(whole) = rest.get(..46 + name + extra + comment) else {
            return Err(broken("its directory is cut"));
        };
        let member = member(whole, name, extra);
        let possible = match member.method {
            0 => member.size == member.packed,
            8 => member.size / MOST_DEFLATED <= member.packed,
            _ => true,
        };
        if !possible || member.packed > len || member.offset > len {
            let what = format!("ZIP archive: member `{}`", member.name);
            return Err(DataFault::Announced { what, found: member.size, limit_bytes: len });
        }
        // Members that share their bytes unpack to any size.
        packed = packed.saturating_add(member.packed);
        if packed > len {
            return Err(broken("its members overlap"));
        }
        members.push(member);
        rest = &rest[whole.len()..];
    }
    Ok(members)
}

fn member(entry: &[u8], name: usize, extra: usize) -> ZipMember {
    let name = &entry[46..46 + name];
    let mut member = ZipMember {
        name: String::from_utf8_lossy(name).into_owned(),
        flags: u16_at(entry, 8),
        method: u16_at(entry, 10),
        crc: u32_at(entry, 16),
        packed: u32_at(entry, 20).into(),
        size: u32_at(entry, 24).into(),
        offset: u32_at(entry, 42).into(),
    };
    // Fields of 64 bits for those that do not fit into 32, in this order.
    let mut extras = &entry[46 + name.len()..][..extra];
    while extras.len() >= 4 {
        let (id, len) = (u16_at(extras, 0), usize::from(u16_at(extras, 2)));
        let Some(mut field) = extras.get(4..4 + len) else { break };
        for value in [&mut member.size, &mut member.packed, &mut member.offset] {
            if id == 1 && *value == u64::from(u32::MAX) && field.len() >= 8 {
                *value = u64_at(field, 0);
                field = &field[8..];
            }
        }
        extras = &extras[4 + len..];
    }
    member
}

/// The unpacked bytes of a member. Reading its end fails if size or checksum are others.
pub(crate) fn open(input: &Input, member: &ZipMember) -> Result<Box<dyn Read + Send>, DataError> {
    let mut file = input.open()?;
    let fault = |fault: DataFault| input.error(fault);
    if member.flags & ENCRYPTED != 0 {
        let found = format!("member `{}`, which is encrypted", member.name);
        let expected = "members without a password".to_owned();
        return Err(fault(DataFault::Format { found, expected }));
    }
    let header = read_at(&mut *file, member.offset, 30).map_err(|error| fault(error.into()))?;
    if !header.starts_with(b"PK\x03\x04") {
        let what = format!("ZIP archive: member `{}` is not where the directory says", member.name);
        return Err(fault(DataFault::Columns(what)));
    }
    let names = u64::from(u16_at(&header, 26)) + u64::from(u16_at(&header, 28));
    let start = SeekFrom::Start(member.offset + 30 + names);
    file.seek(start).map_err(|error| fault(error.into()))?;
    let packed = BufReader::new(file).take(member.packed);
    let (crc, rest) = (Crc::new(), member.size);
    match member.method {
        0 => Ok(Box::new(Verified { input: packed, crc, rest, expected: member.crc })),
        8 => {
            let input = DeflateDecoder::new(packed);
            Ok(Box::new(Verified { input, crc, rest, expected: member.crc }))
        }
        method => Err(fault(DataFault::Format {
            found: format!("member `{}` packed by method {method}", member.name),
            expected: "stored or deflated members".to_owned(),
        })),
    }
}

/// Bytes whose number and checksum are known.
struct Verified<R> {
    input: R,
    crc: Crc,
    rest: u64,
    expected: u32,
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if to.is_empty() {
            return Ok(0);
        }
        let n = self.input.read(to)?;
        self.crc.update(&to[..n]);
        let damaged = |what| Err(io::Error::new(io::ErrorKind::InvalidData, what));
        match (n, self.rest.checked_sub(n as u64)) {
            (_, None) => damaged("is longer than the archive says"),
            (0, Some(1..)) => damaged("is shorter than the archive says"),
            (0, _) if self.crc.sum() != self.expected => damaged("has another checksum"),
            (n, Some(rest)) => {
                self.rest = rest;
                Ok(n)
            }
        }
    }
}

fn read_at(file: &mut dyn ReadSeek, offset: u64, len: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(len).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == len { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

/// The most bytes and members of an archive without the fields of 64 bits.
pub(crate) const MAX_ARCHIVE: usize = u32::MAX as usize;
pub(crate) const MAX_MEMBERS: usize = u16::MAX as usize;

/// An archive of members, deflated or stored, with at most [`MAX_ARCHIVE`] bytes and [`MAX_MEMBERS`] members.
pub(crate) fn archive(members: &[(impl AsRef<str>, impl AsRef<[u8]>)], deflate: bool) -> Vec<u8> {
    use std::io::Write as _;
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in members {
        let (name, bytes) = (name.as_ref(), bytes.as_ref());
        let mut encoder =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        let packed = match deflate {
            true => encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("to memory"),
            false => bytes.to_vec(),
        };
        let mut crc = Crc::new();
        crc.update(bytes);
        let mut fields = Vec::new();
        fields.extend([20, 0, 0, 0, if deflate { 8 } else { 0 }, 0, 0, 0, 0, 0]);
        for number in [crc.sum(), packed.len() as u32, bytes.len() as u32, name.len() as u32] {
            fields.extend(number.to_le_bytes());
        }
        let offset = file.len() as u32;
        file.extend(b"PK\x03\x04");
        file.extend(&fields);
        file.extend(name.as_bytes());
        file.extend(packed);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&fields);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let offset = file.len() as u32;
    file.extend(&directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend((members.len() as u16).to_le_bytes().repeat(2));
    file.extend((directory.len() as u32).to_le_bytes());
    file.extend(offset.to_le_bytes());
    file.extend([0, 0]);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(bytes: &[u8]) -> Input {
        Input::Bytes("a.zip".into(), bytes.into())
    }

    fn contents(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
        let input = input(bytes);
        let read = |member: ZipMember| {
            let mut bytes = Vec::new();
            let mut opened = open(&input, &member).map_err(|error| error.to_string())?;
            opened.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
            Ok((member.name, bytes))
        };
        let members = members(&input).map_err(|error| error.to_string())?;
        members.into_iter().filter(|member| !member.is_folder()).map(read).collect()
    }

    #[test]
    fn stored_and_deflated_members_are_read() {
        let long = vec![7; 100_000];
        let files: [(&str, &[u8]); 3] =
            [("a.npy", b"first"), ("folder/b", &long), ("folder/", b"")];
        for deflate in [false, true] {
            let read = contents(&archive(&files, deflate)).unwrap();
            assert_eq!(
                read,
                [("a.npy".to_owned(), b"first".to_vec()), ("folder/b".to_owned(), long.clone())]
            );
            let mut with_comment = archive(&files, deflate);
            let at = with_comment.len() - 2;
            with_comment[at] = 3;
            with_comment.extend(b"abc");
            assert_eq!(contents(&with_comment).unwrap().len(), 2);
        }
    }

    #[test]
    fn a_member_that_announces_more_than_there_can_be_is_refused() {
        let whole = archive(&[("a", &[1; 1000])], true);
        let entry = whole.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
        let mut huge = whole.clone();
        huge[entry + 24..entry + 28].copy_from_slice(&0xffff_fff0_u32.to_le_bytes());
        let error = contents(&huge).unwrap_err();
        let start = "a.zip: ZIP archive: member `a` announces 4294967280 bytes, the limit is ";
        assert!(error.starts_with(start), "{error}");
        let mut longer = whole.clone();
        longer[entry + 24..entry + 28].copy_from_slice(&1001_u32.to_le_bytes());
        assert_eq!(contents(&longer).unwrap_err(), "is shorter than the archive says");
        longer[entry + 24..entry + 28].copy_from_slice(&999_u32.to_le_bytes());
        assert_eq!(contents(&longer).unwrap_err(), "is longer than the archive says");
    }

    #[test]
    fn members_that_overlap_or_need_a_password_are_refused() {
        let whole = archive(&[("a", &[1; 1000]), ("b", &[2; 1000])], false);
        let entries: Vec<usize> =
            (0..whole.len()).filter(|&i| whole[i..].starts_with(b"PK\x01\x02")).collect();
        let mut same = whole.clone();
        for at in &entries {
            // Each stored in all of the archive.
            same[at + 20..at + 24].copy_from_slice(&2000_u32.to_le_bytes());
            same[at + 24..at + 28].copy_from_slice(&2000_u32.to_le_bytes());
        }
        assert_eq!(contents(&same).unwrap_err(), "a.zip: ZIP archive: its members overlap");
        let mut secret = whole.clone();
        secret[entries[1] + 8] = 1;
        let error = contents(&secret).unwrap_err();
        let expected =
            "a.zip: expected members without a password, found member `b`, which is encrypted";
        assert_eq!(error, expected);
    }

    #[test]
    fn damaged_archives_are_errors_and_never_other_bytes() {
        let files: [(&str, &[u8]); 2] = [("a", b"some bytes"), ("b", b"others")];
        for deflate in [false, true] {
            let whole = archive(&files, deflate);
            let expected: Vec<Vec<u8>> = files.iter().map(|(_, bytes)| bytes.to_vec()).collect();
            for i in 0..whole.len() {
                let mut damaged = whole.clone();
                damaged[i] ^= 0x41;
                if let Ok(read) = contents(&damaged) {
                    let bytes: Vec<Vec<u8>> = read.into_iter().map(|(_, bytes)| bytes).collect();
                    assert!(expected.starts_with(&bytes), "byte {i}");
                }
                assert!(contents(&whole[..i]).is_err(), "cut at {i}");
            }
        }
    }
}

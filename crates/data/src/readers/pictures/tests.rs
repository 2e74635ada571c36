//! The cases of pictures that others have reported, and their kinds.

use ::png::{BitDepth, ColorType};

use super::testing::{jpeg, png};
use super::*;

fn decode(bytes: &[u8]) -> DecodedPicture {
    DecodedPicture::decode("x", bytes).unwrap()
}

fn message(bytes: &[u8]) -> String {
    let decoded = DecodedPicture::decode("x", bytes);
    decoded.map(|picture| picture.pixels.len()).unwrap_err().to_string()
}

#[test]
fn sixteen_bits_are_rounded_to_eight() {
    let values: Vec<u8> =
        [0_u16, 255, 51_559].iter().flat_map(|value| value.to_be_bytes()).collect();
    let picture = decode(&png([1, 3], ColorType::Grayscale, BitDepth::Sixteen, &values, |_| {}));
    let expected = DecodedPicture { rows: 1, columns: 3, channels: 1, pixels: vec![0, 1, 201] };
    assert_eq!(picture, expected);
}

#[test]
fn palettes_are_colours_and_what_is_transparent_shows_white() {
    let indexed = |depth, data: &[u8]| {
        decode(&png([1, 2], ColorType::Indexed, depth, data, |encoder| {
            encoder.set_palette(vec![10, 20, 30, 200, 100, 0]);
            encoder.set_trns(vec![255, 0]);
        }))
    };
    let expected = vec![10, 20, 30, 255, 255, 255];
    assert_eq!(indexed(BitDepth::Eight, &[0, 1]).pixels, expected);
    assert_eq!(indexed(BitDepth::One, &[0b0100_0000]).pixels, expected);
    let grey =
        png([1, 3], ColorType::GrayscaleAlpha, BitDepth::Eight, &[7, 255, 7, 0, 0, 128], |_| {});
    assert_eq!((decode(&grey).channels, decode(&grey).pixels), (1, vec![7, 255, 127]));
    let key = png([1, 2], ColorType::Grayscale, BitDepth::Eight, &[7, 9], |encoder| {
        encoder.set_trns(vec![0, 9]);
    });
    assert_eq!((decode(&key).channels, decode(&key).pixels), (1, vec![7, 255]));
    let colors = png([1, 2], ColorType::Rgba, BitDepth::Eight, &[1, 2, 3, 255, 0, 0, 0, 0], |_| {});
    assert_eq!(decode(&colors).pixels, [1, 2, 3, 255, 255, 255]);
}

#[test]
fn few_bits_and_interlaced_rows_are_pixels() {
    let bits =
        png([1, 9], ColorType::Grayscale, BitDepth::One, &[0b1010_0101, 0b1000_0000], |_| {});
    assert_eq!(decode(&bits).pixels, [255, 0, 255, 0, 0, 255, 0, 255, 255]);
    let four = png([1, 2], ColorType::Grayscale, BitDepth::Four, &[0x0f], |_| {});
    assert_eq!(decode(&four).pixels, [0, 255]);
    // Adam7 of 2 × 2: the first pixel, the one beside it, then the second row.
    let plain = png([2, 2], ColorType::Grayscale, BitDepth::Eight, &[1, 2, 3, 4], |_| {});
    let passes: &[u8] = &[0, 1, 0, 2, 0, 3, 4];
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packed, passes).unwrap();
    let mut interlaced = plain[..8].to_vec();
    let mut header = plain[16..29].to_vec();
    header[12] = 1;
    for (kind, data) in
        [(b"IHDR", header), (b"IDAT", packed.finish().unwrap()), (b"IEND", Vec::new())]
    {
        let mut crc = flate2::Crc::new();
        crc.update(kind);
        crc.update(&data);
        interlaced.extend((data.len() as u32).to_be_bytes());
        interlaced.extend(kind);
        interlaced.extend(data);
        interlaced.extend(crc.sum().to_be_bytes());
    }
    assert_eq!(decode(&interlaced), decode(&plain));
}

#[test]
fn a_jpeg_is_shown_the_way_up_that_its_orientation_says() {
    let stored = decode(&jpeg([1, 2], &[&[0, 255]], None));
    assert_eq!((stored.rows, stored.columns, stored.pixels), (1, 2, vec![0, 255]));
    let upright = decode(&jpeg([1, 2], &[&[0, 255]], Some(6)));
    assert_eq!((upright.rows, upright.columns, upright.pixels), (2, 1, vec![0, 255]));
    let other = decode(&jpeg([1, 2], &[&[0, 255]], Some(8)));
    assert_eq!((other.rows, other.columns, other.pixels), (2, 1, vec![255, 0]));
}

#[test]
fn colours_of_a_jpeg_are_red_green_and_blue() {
    // Pure red is luma 76, blue difference 85, red difference 255.
    let picture = decode(&jpeg([8, 8], &[&[76; 64], &[85; 64], &[255; 64]], None));
    assert_eq!(picture.channels, 3);
    let [red, green, blue] = [picture.pixels[0], picture.pixels[1], picture.pixels[2]];
    assert!(red >= 253 && green <= 2 && blue <= 2, "{red} {green} {blue}");
}

#[test]
fn pictures_that_are_cut_anywhere_or_in_cmyk_are_named_and_never_half_grey() {
    let pixels: Vec<u8> = (0..64 * 64).map(|i| (i * 31 % 251) as u8).collect();
    let whole = jpeg([64, 64], &[&pixels], None);
    assert_eq!(decode(&whole).pixels.len(), pixels.len());
    for len in [whole.len() * 6 / 10, whole.len() - 1, 20, 3] {
        assert!(message(&whole[..len]).contains("a JPEG picture that is cut"), "{len}");
    }
    let mut damaged = whole.clone();
    damaged.splice(whole.len() / 2..whole.len() / 2, [0xff, 0xc0, 0, 0]);
    assert!(message(&damaged).contains("a damaged JPEG picture"));
    let cmyk = jpeg([8, 8], &[&[0; 64][..]; 4], None);
    assert!(message(&cmyk).contains("a JPEG picture in CMYK"));

    let whole = png([64, 64], ColorType::Grayscale, BitDepth::Eight, &pixels, |_| {});
    for len in [whole.len() * 6 / 10, whole.len() - 13, 20, 8] {
        assert!(message(&whole[..len]).contains("a PNG picture that is cut"), "{len}");
    }
    let mut damaged = whole.clone();
    damaged[60] ^= 1;
    assert!(message(&damaged).contains("a damaged PNG picture"));
    let mut huge = whole;
    huge[16..24].copy_from_slice(&[0x7f; 8]);
    assert!(message(&huge).contains("2139062143 x 2139062143 pixels"));
}

#[test]
fn other_formats_are_named() {
    for (bytes, found) in [
        (&b"a,b\n1,2\n"[..], "text"),
        (b"GIF89a", "a GIF picture"),
        (b"RIFF\0\0\0\0WEBPVP8", "a WebP picture"),
        (b"", "an empty file"),
        (b"\0\0\0\x20ftypavif", "an AVIF"),
    ] {
        let expected = format!("x: expected a PNG or JPEG picture, found {found}");
        assert!(message(bytes).starts_with(&expected), "{}", message(bytes));
    }
}

#[cfg(feature = "files")]
mod folders {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::columns::{Cells, TableOptions, TableSource};
    use crate::{Features, zip};

    fn grey(rows: u32, columns: u32, value: u8) -> Vec<u8> {
        let pixels = vec![value; (rows * columns) as usize];
        png([rows, columns], ColorType::Grayscale, BitDepth::Eight, &pixels, |_| {})
    }

    fn write(folder: &Path, file: &str, bytes: &[u8]) {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn found(folder: &PictureFolder, about: &str) -> String {
        let mut findings = folder.description().findings.iter();
        findings
            .find(|finding| finding.about == about)
            .map_or(String::new(), |finding| finding.found.clone())
    }

    #[test]
    fn classes_are_folders_and_what_does_not_belong_to_them_is_left_out_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        for file in [
            "cat/A.PNG",
            "cat/more/b.png",
            "dog/._a.png",
            "__MACOSX/x.png",
            ".ipynb_checkpoints/x.png",
        ] {
            write(folder, file, &grey(2, 3, 9));
        }
        write(folder, "dog/b.jpeg", &jpeg([2, 3], &[&[7; 6]], None));
        write(folder, "dog/c.png", b"only text");
        for file in [".DS_Store", "cat/Thumbs.db", "cat/notes.txt", "readme.md"] {
            write(folder, file, b"text");
        }
        fs::create_dir(folder.join("empty")).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder, folder.join("dog/above")).unwrap();

        let strict = PictureFolder::open(folder, &TableOptions::default()).unwrap();
        let mistake = strict.mistakes().first[0].to_string();
        assert_eq!(mistake, "dog/c.png: found text, expected a PNG or JPEG picture");
        assert!(strict.read().unwrap_err().to_string().contains("dog/c.png: found text"));

        let options = TableOptions { skip_bad_rows: true, ..TableOptions::default() };
        let pictures = PictureFolder::open(folder, &options).unwrap();
        let classes = &pictures.description().target().unwrap().categories;
        assert_eq!(classes, &[("cat".to_owned(), 2), ("dog".to_owned(), 1)]);
        assert_eq!(found(&pictures, "hidden files"), "5 left out");
        assert_eq!(found(&pictures, "other files"), "2 left out, such as cat/notes.txt");
        assert_eq!(found(&pictures, "folders without pictures"), "left out: empty");
        #[cfg(unix)]
        assert_eq!(found(&pictures, "links"), "1 left out that lead to a folder above");
        let table = pictures.read().unwrap();
        let Cells::Arrays { shape, values: Features::U8(pixels) } = &table.columns()[0].cells
        else {
            panic!("pictures")
        };
        assert_eq!(
            (&shape[..], &pixels[..]),
            (&[2, 3, 1][..], &[[9; 12].as_slice(), &[7; 6]].concat()[..])
        );
    }

    #[test]
    fn an_archive_is_read_as_the_folder_that_it_was_made_of() {
        let place = tempfile::tempdir().unwrap();
        let (first, second) = (grey(2, 3, 9), jpeg([2, 3], &[&[7; 6]], None));
        let files: [(&str, &[u8]); 10] = [
            ("cat/A.PNG", &first),
            ("cat/more/b.png", &first),
            ("cat/Thumbs.db", b"text"),
            ("cat/notes.txt", b"text"),
            ("dog/._a.png", &first),
            ("dog/b.jpeg", &second),
            ("dog/c.png", b"only text"),
            ("readme.md", b"text"),
            ("__MACOSX/x.png", &first),
            ("empty/", b""),
        ];
        let folder = place.path().join("pets");
        for (file, bytes) in &files[..9] {
            write(&folder, file, bytes);
        }
        fs::create_dir(folder.join("empty")).unwrap();
        let options = TableOptions { skip_bad_rows: true, ..TableOptions::default() };
        let expected = PictureFolder::open(&folder, &options).unwrap();
        for (prefix, between, deflate) in
            [("", "/", true), ("pets/", "/", false), ("pets\\", "\\", true)]
        {
            let named: Vec<(String, &[u8])> = files
                .iter()
                .map(|(name, bytes)| (format!("{prefix}{}", name.replace('/', between)), *bytes))
                .map(|(name, bytes)| (name.replace("empty\\", "empty/"), bytes))
                .collect();
            let members: Vec<(&str, &[u8])> =
                named.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
            let archive = place.path().join("pets.zip");
            fs::write(&archive, zip::archive(&members, deflate)).unwrap();
            let found = PictureFolder::open(&archive, &options).unwrap();
            assert_eq!(found.description().columns, expected.description().columns);
            assert_eq!(found.description().findings, expected.description().findings, "{prefix}");
            assert_eq!(found.mistakes().first, expected.mistakes().first);
            assert_eq!(found.read().unwrap().columns(), expected.read().unwrap().columns());
        }
    }

    #[test]
    fn names_in_an_archive_are_never_places_on_disk() {
        let place = tempfile::tempdir().unwrap();
        let picture = grey(1, 1, 5);
        write(place.path(), "outside/secret.png", &picture);
        let archive = place.path().join("x.zip");
        let deep = format!("{}x.png", "a/".repeat(30_000));
        let members: [(&str, &[u8]); 6] = [
            ("a/1.png", &picture),
            ("b/2.png", &picture),
            ("../outside/secret.png", &picture),
            ("/etc/secret.png", b"not that file"),
            (&deep, &picture),
            ("a/./1.png", b"of the same name"),
        ];
        fs::write(&archive, zip::archive(&members, true)).unwrap();
        let pictures = PictureFolder::open(&archive, &TableOptions::default()).unwrap();
        let mistakes: Vec<String> =
            pictures.mistakes().first.iter().map(ToString::to_string).collect();
        assert!(mistakes.iter().all(|mistake| mistake.contains("found text")), "{mistakes:?}");
        assert_eq!(mistakes.len(), 2);
        assert_eq!(found(&pictures, "hidden files"), "1 left out");
    }

    #[test]
    fn archives_that_unpack_to_more_than_they_say_or_to_far_more_than_they_are_are_refused() {
        let place = tempfile::tempdir().unwrap();
        let archive = place.path().join("x.zip");
        let picture = grey(1, 1, 5);
        let whole = zip::archive(&[("a/1.png", &picture), ("b/2.png", &picture)], true);
        let mut lying = whole.clone();
        let entry = whole.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
        lying[entry + 24..entry + 28].copy_from_slice(&5_u32.to_le_bytes());
        fs::write(&archive, lying).unwrap();
        let pictures = PictureFolder::open(&archive, &TableOptions::default()).unwrap();
        let mistake = pictures.mistakes().first[0].to_string();
        assert_eq!(
            mistake,
            "a/1.png: found a file that cannot be read (is longer than the archive says), expected a PNG or JPEG picture"
        );
        let zeros = vec![0; 65 << 20];
        fs::write(&archive, zip::archive(&[("a/1.png", &zeros)], true)).unwrap();
        let opened = PictureFolder::open(&archive, &TableOptions::default());
        let error = opened.map(|_| ()).unwrap_err().to_string();
        let expected = "x.zip: ZIP archive: all its files together announces 68157440 bytes, the limit is 67108864";
        assert!(error.ends_with(expected), "{error}");
    }

    #[test]
    fn several_sizes_and_colours_become_those_of_most_and_that_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        for (file, picture) in
            [("a/1.png", grey(2, 2, 8)), ("a/2.png", grey(2, 2, 8)), ("b/1.png", grey(5, 7, 50))]
        {
            write(folder, file, &picture);
        }
        let pictures = PictureFolder::open(folder, &TableOptions::default()).unwrap();
        let size = "2 x 2, as 2 of 3 have; others are scaled to cover that and cut at both sides";
        assert_eq!(found(&pictures, "size"), size);
        assert_eq!(found(&pictures, "colours"), "grey");
        assert_eq!(pictures.picture(2).unwrap(), (vec![50; 4], 1));
        // No size is that of half of them.
        write(folder, "b/2.png", &grey(4, 9, 8));
        write(folder, "b/3.png", &grey(6, 6, 8));
        let median = PictureFolder::open(folder, &TableOptions::default()).unwrap();
        let size = "6 x 4, the medians of 5; others are scaled to cover that and cut at both sides";
        assert_eq!(found(&median, "size"), size);
        let options =
            TableOptions { size: Some([1, 3]), channels: Some(3), ..TableOptions::default() };
        let pictures = PictureFolder::open(folder, &options).unwrap();
        assert_eq!(pictures.picture(0).unwrap(), (vec![8; 9], 0));
    }

    #[test]
    fn a_picture_that_is_damaged_behind_its_header_is_named_or_left_out_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let mut damaged = grey(9, 9, 100);
        let data = damaged.windows(4).position(|bytes| bytes == b"IDAT").unwrap();
        damaged[data + 8] ^= 0x10;
        for (file, bytes) in
            [("a/1.png", &grey(9, 9, 1)), ("a/2.png", &damaged), ("b/3.png", &grey(9, 9, 3))]
        {
            write(folder, file, bytes);
        }
        let strict = PictureFolder::open(folder, &TableOptions::default()).unwrap();
        let error = strict.read().unwrap_err().to_string();
        assert!(error.contains("a/2.png") && error.contains("a damaged PNG picture"), "{error}");
        let options = TableOptions { skip_bad_rows: true, ..TableOptions::default() };
        let pictures = PictureFolder::open(folder, &options).unwrap();
        assert_eq!((pictures.description().rows, pictures.read().unwrap().len()), (2, 2));
        assert_eq!(pictures.mistakes().count, 1);
    }

    #[test]
    fn folders_without_classes_are_errors_that_say_what_to_name() {
        let folder = tempfile::tempdir().unwrap();
        let message = || {
            let opened = PictureFolder::open(folder.path(), &TableOptions::default());
            opened.map(|pictures| pictures.description().rows).unwrap_err().to_string()
        };
        write(folder.path(), "x.png", &grey(1, 1, 0));
        assert!(message().contains("has no folder with PNG or JPEG pictures"));
        write(folder.path(), "train/cat/x.png", &grey(1, 1, 0));
        write(folder.path(), "test/cat/x.png", &grey(1, 1, 0));
        assert!(
            message().contains("has the folders test, train, expected classes; name one of them")
        );
        write(folder.path(), "broken/x.png", b"text");
        fs::remove_dir_all(folder.path().join("train")).unwrap();
        fs::remove_dir_all(folder.path().join("test")).unwrap();
        assert!(message().contains("broken/x.png: found text, expected a PNG or JPEG picture"));
    }
}

//! Pictures for tests.

use std::f64::consts::PI;

use ::png::{BitDepth, ColorType, Encoder};

/// A PNG picture of the given type.
pub(crate) fn png(
    [rows, columns]: [u32; 2],
    color: ColorType,
    depth: BitDepth,
    data: &[u8],
    extra: impl FnOnce(&mut Encoder<'_, &mut Vec<u8>>),
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, columns, rows);
    encoder.set_color(color);
    encoder.set_depth(depth);
    extra(&mut encoder);
    encoder.write_header().unwrap().write_image_data(data).unwrap();
    bytes
}

/// A JPEG picture of 8 bits with as many components as `planes`, each row by row, without subsampling.
///
/// Its codes all have the same length, so that no tables need to be copied: 4 bits for the 12 sizes of a first
/// coefficient, 8 bits for the others.
pub(crate) fn jpeg(
    [rows, columns]: [usize; 2],
    planes: &[&[u8]],
    orientation: Option<u8>,
) -> Vec<u8> {
    let mut file = vec![0xff, 0xd8];
    let mut segment = |marker: u8, data: &[u8]| {
        file.extend([0xff, marker]);
        file.extend((data.len() as u16 + 2).to_be_bytes());
        file.extend(data);
    };
    if let Some(orientation) = orientation {
        let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
        segment(0xe1, &exif);
    }
    if planes.len() == 4 {
        segment(0xee, b"Adobe\0\x64\0\0\0\0\0");
    }
    segment(0xdb, &[&[0][..], &[1; 64]].concat());
    let n = planes.len() as u8;
    let mut frame = vec![8, 0, rows as u8, 0, columns as u8, n];
    (1..=n).for_each(|id| frame.extend([id, 0x11, 0]));
    segment(0xc0, &frame);
    let counts = |length: usize, n: u8| (1..=16).map(move |i| if i == length { n } else { 0 });
    let symbols: Vec<u8> =
        (0..=15).flat_map(|run| (0..=10).map(move |size| run << 4 | size)).collect();
    segment(0xc4, &[vec![0], counts(4, 12).collect(), (0..12).collect()].concat());
    let n_symbols = symbols.len() as u8;
    segment(0xc4, &[vec![0x10], counts(8, n_symbols).collect(), symbols.clone()].concat());
    let mut scan = vec![n];
    (1..=n).for_each(|id| scan.extend([id, 0]));
    scan.extend([0, 63, 0]);
    segment(0xda, &scan);

    let mut bits = String::new();
    let mut before = vec![0; planes.len()];
    for block in 0..rows.div_ceil(8) * columns.div_ceil(8) {
        let (top, left) = (block / columns.div_ceil(8) * 8, block % columns.div_ceil(8) * 8);
        for (plane, before) in planes.iter().zip(&mut before) {
            let pixel = |y: usize, x: usize| {
                let at = (top + y).min(rows - 1) * columns + (left + x).min(columns - 1);
                f64::from(plane[at]) - 128.0
            };
            let coefficients = coefficients(pixel);
            push_number(&mut bits, coefficients[0] - *before, |size| format!("{size:04b}"));
            *before = coefficients[0];
            let last = (1..64).rev().find(|&i| coefficients[i] != 0).unwrap_or(0);
            let code = |run: usize, size: usize| {
                let symbol = (run << 4 | size) as u8;
                format!("{:08b}", symbols.iter().position(|&other| other == symbol).unwrap())
            };
            let mut run = 0;
            for &coefficient in &coefficients[1..=last] {
                if coefficient == 0 && run == 15 {
                    bits += &code(15, 0);
                    run = 0;
                } else if coefficient == 0 {
                    run += 1;
                } else {
                    push_number(&mut bits, coefficient, |size| code(run, size));
                    run = 0;
                }
            }
            if last < 63 {
                bits += &code(0, 0);
            }
        }
    }
    while !bits.len().is_multiple_of(8) {
        bits.push('1');
    }
    for byte in bits.as_bytes().chunks(8) {
        let byte = byte.iter().fold(0, |byte, &bit| byte << 1 | (bit - b'0'));
        file.push(byte);
        if byte == 0xff {
            file.push(0);
        }
    }
    file.extend([0xff, 0xd9]);
    file
}

/// The cosine transform of 8 × 8 pixels, in the order of the diagonals.
fn coefficients(pixel: impl Fn(usize, usize) -> f64) -> [i32; 64] {
    let mut order: Vec<(usize, usize)> = (0..8).flat_map(|v| (0..8).map(move |u| (v, u))).collect();
    // Even diagonals upwards, odd ones downwards.
    order.sort_by_key(|&(v, u)| (v + u, if (v + u) % 2 == 0 { u } else { v }));
    let scale = |k: usize| if k == 0 { 0.5_f64.sqrt() } else { 1.0 };
    let wave = |x: usize, k: usize| ((2 * x + 1) as f64 * k as f64 * PI / 16.0).cos();
    std::array::from_fn(|i| {
        let (v, u) = order[i];
        let at = |(y, x): (usize, usize)| pixel(y, x) * wave(y, v) * wave(x, u);
        let sum: f64 = (0..64).map(|i| at((i / 8, i % 8))).sum();
        (scale(u) * scale(v) * sum / 4.0).round() as i32
    })
}

/// The size of a number by its code, then its bits; negative ones are one less.
fn push_number(bits: &mut String, number: i32, code: impl FnOnce(usize) -> String) {
    let size = (32 - number.unsigned_abs().leading_zeros()) as usize;
    *bits += &code(size);
    if size > 0 {
        let stored = if number < 0 { number + (1 << size) - 1 } else { number };
        *bits += &format!("{stored:0size$b}");
    }
}

//! A picture of a few shapes, written as SVG and painted as PNG.

use std::fmt::Write as _;
use std::io::Write as _;

use ab_glyph::{Font as _, FontRef, PxScale, ScaleFont as _, point};
use ab_glyph_rasterizer::Rasterizer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

type Color = [u8; 3];
type Point = [f64; 2];

/// Pixels of a PNG for a point of the picture, in each direction.
const SCALE: f64 = 2.0;

/// Shapes on a white ground. Each is written as SVG and painted over those before it.
#[derive(Debug)]
pub struct Picture {
    /// The shapes as SVG.
    elements: String,
    pixels: Image,
}

/// Which end of a text stands at its point, on the baseline.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// Pixels in rows: red, green and blue.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<u8>,
}

impl Image {
    /// An image of one colour.
    pub(super) fn filled(width: usize, height: usize, color: Color) -> Self {
        Self { width, height, pixels: color.repeat(width * height) }
    }
}

impl Picture {
    pub(super) fn new(width: f64, height: f64) -> Self {
        let [width, height] = [width, height].map(|size| (size * SCALE) as usize);
        Self { elements: String::new(), pixels: Image::filled(width, height, [255; 3]) }
    }

    /// A line through some points.
    pub(super) fn line(&mut self, points: &[Point], color: Color, width: f64) {
        self.element(format_args!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"/>",
            list(points),
            hex(color),
        ));
        self.fill(&outlines(points, width), color, 1.0);
    }

    /// The area inside some points.
    pub(super) fn area(&mut self, points: Vec<Point>, color: Color, opacity: f64) {
        self.element(format_args!(
            "<polygon points=\"{}\" fill=\"{}\" fill-opacity=\"{opacity}\"/>",
            list(&points),
            hex(color),
        ));
        self.fill(&[points], color, opacity);
    }

    pub(super) fn text(
        &mut self,
        [x, y]: Point,
        anchor: Anchor,
        (size, color): (f64, Color),
        text: &str,
    ) {
        self.element(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{}\" font-size=\"{size}\" fill=\"{}\">{}</text>",
            ["start", "middle", "end"][anchor as usize],
            hex(color),
            drawing::escaped(text),
        ));
        let font = FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT);
        let font = font.expect("the font that was built in");
        let em = font.units_per_em().unwrap_or(1000.0);
        let font =
            font.as_scaled(PxScale::from((size * SCALE) as f32 * font.height_unscaled() / em));
        let glyphs: Vec<_> = text.chars().map(|letter| font.glyph_id(letter)).collect();
        let width: f32 = glyphs.iter().map(|glyph| font.h_advance(*glyph)).sum();
        let before = width * f32::from(anchor as u8) / 2.0;
        let mut at = point((x * SCALE) as f32 - before, (y * SCALE) as f32);
        for glyph in glyphs {
            let placed = glyph.with_scale_and_position(font.scale(), at);
            at.x += font.h_advance(glyph);
            let Some(outline) = font.outline_glyph(placed) else { continue };
            let corner = outline.px_bounds().min;
            outline.draw(|x, y, covered| {
                let [x, y] = [corner.x as i64 + i64::from(x), corner.y as i64 + i64::from(y)];
                self.blend(x, y, color, f64::from(covered.min(1.0)));
            });
        }
    }

    /// An image, stretched over an area.
    pub(super) fn image(&mut self, [x, y]: Point, [width, height]: Point, image: &Image) {
        self.element(format_args!(
            "<image x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" preserveAspectRatio=\"none\" href=\"data:image/png;base64,{}\"/>",
            STANDARD.encode(png(image)),
        ));
        /// A painted pixel is the mean of so many points in each direction.
        const POINTS: usize = 4;
        let [left, top, right, bottom] =
            [x, y, x + width, y + height].map(|edge| (edge * SCALE).round().max(0.0) as usize);
        // The rows or columns of the image under the points of each painted one.
        let under = |from: usize, to: usize, len: usize| -> Vec<[usize; POINTS]> {
            let n = to.saturating_sub(from) * POINTS;
            let of = |painted: usize| std::array::from_fn(|i| (painted * POINTS + i) * len / n);
            (0..n / POINTS).map(of).collect()
        };
        let columns = under(left, right, image.width);
        for (y, rows) in (top..).zip(under(top, bottom, image.height)) {
            for (x, columns) in (left..).zip(&columns) {
                let mut sum = [0; 3];
                for (row, column) in rows.iter().flat_map(|row| columns.map(|column| (row, column)))
                {
                    let pixel = &image.pixels[(row * image.width + column) * 3..];
                    sum.iter_mut().zip(pixel).for_each(|(sum, part)| *sum += usize::from(*part));
                }
                let mean = sum.map(|sum| (sum as f64 / (POINTS * POINTS) as f64).round() as u8);
                self.blend(x as i64, y as i64, mean, 1.0);
            }
        }
    }

    fn element(&mut self, element: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.elements, "{element}");
    }

    /// Mixes a colour into a pixel, if it lies in the picture.
    fn blend(&mut self, x: i64, y: i64, color: Color, share: f64) {
        let Image { width, height, pixels } = &mut self.pixels;
        if !(0..*width as i64).contains(&x) || !(0..*height as i64).contains(&y) {
            return;
        }
        let at = (y as usize * *width + x as usize) * 3;
        for (old, new) in pixels[at..at + 3].iter_mut().zip(color) {
            *old = (f64::from(*old) + (f64::from(new) - f64::from(*old)) * share).round() as u8;
        }
    }

    /// Fills what lies in one of some polygons, whose points go round in the same direction.
    fn fill(&mut self, polygons: &[Vec<Point>], color: Color, opacity: f64) {
        let size = [self.pixels.width, self.pixels.height].map(|size| size as f64);
        let pixel = |point: &Point, axis: usize| (point[axis] * SCALE).clamp(0.0, size[axis]);
        let [[left, right], [top, bottom]] = [0, 1].map(|axis| {
            let places = || polygons.iter().flatten().map(|point| pixel(point, axis));
            [places().fold(f64::INFINITY, f64::min).floor(), places().fold(0.0, f64::max).ceil()]
        });
        if !(left < right && top < bottom) {
            return;
        }
        let mut coverage =
            Rasterizer::new((right - left) as usize + 1, (bottom - top) as usize + 1);
        for polygon in polygons {
            let corner =
                |corner| point((pixel(corner, 0) - left) as f32, (pixel(corner, 1) - top) as f32);
            let next = polygon.iter().cycle().skip(1);
            let edges = polygon.iter().zip(next);
            edges.for_each(|(from, to)| coverage.draw_line(corner(from), corner(to)));
        }
        coverage.for_each_pixel_2d(|x, y, covered| {
            if covered > 0.0 {
                let share = f64::from(covered.min(1.0)) * opacity;
                self.blend(left as i64 + i64::from(x), top as i64 + i64::from(y), color, share);
            }
        });
    }

    /// The picture as SVG.
    pub fn svg(&self) -> String {
        let [width, height] =
            [self.pixels.width, self.pixels.height].map(|size| size as f64 / SCALE);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{}</svg>\n",
            self.elements,
        )
    }

    /// The picture as PNG, twice as many pixels as it has points in each direction.
    pub fn png(&self) -> Vec<u8> {
        png(&self.pixels)
    }
}

/// A quadrangle for each piece of a line, all in one direction, and longer by half the width so that they overlap.
fn outlines(points: &[Point], width: f64) -> Vec<Vec<Point>> {
    let pieces = points.windows(2).filter_map(|pair| {
        let [[x0, y0], [x1, y1]] = [pair[0], pair[1]];
        let length = (x1 - x0).hypot(y1 - y0);
        let [dx, dy] = [x1 - x0, y1 - y0].map(|part| part / length * width / 2.0);
        let [x0, y0, x1, y1] = [x0 - dx, y0 - dy, x1 + dx, y1 + dy];
        let corners =
            [[x0 + dy, y0 - dx], [x1 + dy, y1 - dx], [x1 - dy, y1 + dx], [x0 - dy, y0 + dx]];
        (length > 0.0).then(|| corners.to_vec())
    });
    pieces.collect()
}

fn list(points: &[Point]) -> String {
    let points: Vec<String> = points.iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
    points.join(" ")
}

fn hex([red, green, blue]: Color) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// An image as a PNG file: a signature, and chunks for the size, the pixels and the end.
pub(super) fn png(image: &Image) -> Vec<u8> {
    let [width, height] = [image.width, image.height].map(|size| (size as u32).to_be_bytes());
    // Eight bits for each of red, green and blue.
    let header = [&width[..], &height, &[8, 2, 0, 0, 0]].concat();
    let mut pixels = ZlibEncoder::new(Vec::new(), Compression::default());
    for row in image.pixels.chunks_exact(3 * image.width) {
        // Each row begins with its filter: none.
        pixels.write_all(&[&[0], row].concat()).expect("memory takes all");
    }
    let pixels = pixels.finish().expect("memory takes all");
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, content) in [(b"IHDR", &header), (b"IDAT", &pixels), (b"IEND", &Vec::new())] {
        let mut checksum = Crc::new();
        checksum.update(kind);
        checksum.update(content);
        file.extend((content.len() as u32).to_be_bytes());
        file.extend_from_slice(kind);
        file.extend_from_slice(content);
        file.extend(checksum.sum().to_be_bytes());
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The picture as PNG, read again: the pixel of a point.
    fn painted(picture: &Picture) -> impl Fn(f64, f64) -> Color {
        let file = picture.png();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!([info.width, info.height], [80, 40]);
        move |x, y| {
            let at = ((y * SCALE) as usize * info.width as usize + (x * SCALE) as usize) * 3;
            [pixels[at], pixels[at + 1], pixels[at + 2]]
        }
    }

    #[test]
    fn shapes_are_painted_in_order_where_they_stand() {
        let mut picture = Picture::new(40.0, 20.0);
        let square = vec![[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]];
        picture.area(square, [0, 0, 200], 0.5);
        // A corner inside, and two pieces that lie over each other: no pixel is darker or lighter for it.
        picture.line(&[[12.0, 5.0], [30.0, 5.0], [14.0, 5.0], [14.0, 15.0]], [9, 8, 7], 2.0);
        let image = Image { width: 2, height: 1, pixels: vec![255, 0, 0, 0, 255, 0] };
        picture.image([20.0, 10.0], [8.0, 4.0], &image);
        let at = painted(&picture);
        assert_eq!(at(5.0, 5.0), [128, 128, 228]);
        assert_eq!([at(20.0, 5.0), at(14.0, 5.0), at(14.0, 12.0)], [[9, 8, 7]; 3]);
        assert_eq!([at(10.5, 5.0), at(20.0, 6.5), at(39.0, 19.0)], [[255; 3]; 3]);
        assert_eq!([at(21.0, 12.0), at(27.0, 12.0)], [[255, 0, 0], [0, 255, 0]]);
    }

    #[test]
    fn text_stands_at_its_anchor() {
        let inked = |anchor| {
            let mut picture = Picture::new(40.0, 20.0);
            picture.text([20.0, 15.0], anchor, (12.0, [0; 3]), "8");
            let at = painted(&picture);
            let columns = (0..80).map(|x| f64::from(x) / 2.0);
            let dark = |x: &f64| (0..40).any(|y| at(*x, f64::from(y) / 2.0)[0] < 128);
            let dark: Vec<f64> = columns.filter(dark).collect();
            (dark[0], dark[dark.len() - 1])
        };
        assert!(inked(Anchor::Start).0 >= 20.0);
        assert!(inked(Anchor::End).1 <= 20.0);
        let (left, right) = inked(Anchor::Middle);
        assert!(left < 20.0 && 20.0 < right, "{left} {right}");
    }

    #[test]
    fn shapes_beyond_the_picture_are_cut_off() {
        let mut picture = Picture::new(40.0, 20.0);
        picture.area(vec![[-9.0, -9.0], [99.0, -9.0], [99.0, 99.0], [-9.0, 99.0]], [1; 3], 1.0);
        picture.text([38.0, 5.0], Anchor::Start, (12.0, [0; 3]), "<WWW>");
        picture.line(&[[50.0, 3.0], [60.0, 3.0]], [0; 3], 1.0);
        assert_eq!(painted(&picture)(39.5, 19.5), [1; 3]);
        let svg = picture.svg();
        assert!(svg.starts_with("<svg ") && svg.contains(">&lt;WWW&gt;</text>"), "{svg}");
    }

    #[test]
    fn a_smaller_image_is_the_mean_of_its_pixels() {
        let mut picture = Picture::new(40.0, 20.0);
        let pixels = (0..16).flat_map(|i| [if i % 2 == 0 { 0 } else { 100 }; 3]).collect();
        picture.image([0.0, 0.0], [1.0, 1.0], &Image { width: 4, height: 4, pixels });
        assert_eq!(painted(&picture)(0.0, 0.0), [50; 3]);
    }
}

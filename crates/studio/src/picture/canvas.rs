//! A picture of a few shapes, written as SVG or as PNG.

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

/// Shapes on a white ground, in the order in which they are painted.
#[derive(Debug)]
pub struct Picture {
    width: f64,
    height: f64,
    shapes: Vec<Primitive>,
}

#[derive(Debug)]
enum Primitive {
    Line { points: Vec<Point>, color: Color, width: f64 },
    Area { points: Vec<Point>, color: Color, opacity: f64 },
    Text { at: Point, anchor: Anchor, size: f64, color: Color, text: String },
    Image { at: Point, size: Point, image: Image },
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

impl Picture {
    pub(super) fn new(width: f64, height: f64) -> Self {
        Self { width, height, shapes: Vec::new() }
    }

    /// A line through some points.
    pub(super) fn line(&mut self, points: Vec<Point>, color: Color, width: f64) {
        self.shapes.push(Primitive::Line { points, color, width });
    }

    /// The area inside some points.
    pub(super) fn area(&mut self, points: Vec<Point>, color: Color, opacity: f64) {
        self.shapes.push(Primitive::Area { points, color, opacity });
    }

    pub(super) fn text(
        &mut self,
        at: Point,
        anchor: Anchor,
        (size, color): (f64, Color),
        text: &str,
    ) {
        self.shapes.push(Primitive::Text { at, anchor, size, color, text: text.into() });
    }

    /// An image, stretched over an area.
    pub(super) fn image(&mut self, at: Point, size: Point, image: Image) {
        self.shapes.push(Primitive::Image { at, size, image });
    }

    /// The picture as SVG.
    pub fn svg(&self) -> String {
        let Self { width, height, shapes } = self;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
        );
        for shape in shapes {
            let _ = match shape {
                Primitive::Line { points, color, width } => writeln!(
                    svg,
                    "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"/>",
                    list(points),
                    hex(*color),
                ),
                Primitive::Area { points, color, opacity } => writeln!(
                    svg,
                    "<polygon points=\"{}\" fill=\"{}\" fill-opacity=\"{opacity}\"/>",
                    list(points),
                    hex(*color),
                ),
                Primitive::Text { at: [x, y], anchor, size, color, text } => {
                    let anchor = match anchor {
                        Anchor::Start => "start",
                        Anchor::Middle => "middle",
                        Anchor::End => "end",
                    };
                    let (color, text) = (hex(*color), escaped(text));
                    writeln!(
                        svg,
                        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\" fill=\"{color}\">{text}</text>"
                    )
                }
                Primitive::Image { at: [x, y], size: [w, h], image } => writeln!(
                    svg,
                    "<image x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" preserveAspectRatio=\"none\" href=\"data:image/png;base64,{}\"/>",
                    STANDARD.encode(png(image)),
                ),
            };
        }
        svg + "</svg>\n"
    }

    /// The picture as PNG, twice as many pixels as it has points in each direction.
    pub fn png(&self) -> Vec<u8> {
        let [width, height] = [self.width, self.height].map(|size| (size * SCALE) as usize);
        let mut canvas = Canvas { width, height, pixels: vec![255; width * height * 3] };
        let font = FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT);
        let font = font.expect("the font that was built in");
        for shape in &self.shapes {
            match shape {
                Primitive::Line { points, color, width } => {
                    canvas.fill(&outlines(points, *width), *color, 1.0);
                }
                Primitive::Area { points, color, opacity } => {
                    canvas.fill(std::slice::from_ref(points), *color, *opacity);
                }
                Primitive::Text { at, anchor, size, color, text } => {
                    canvas.text(&font, *at, *anchor, (*size, *color), text);
                }
                Primitive::Image { at, size, image } => canvas.image(*at, *size, image),
            }
        }
        png(&Image { width, height, pixels: canvas.pixels })
    }
}

/// The pixels of a picture as PNG.
struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    /// Mixes a colour into a pixel, if it lies in the picture.
    fn blend(&mut self, x: i64, y: i64, color: Color, share: f64) {
        if !(0..self.width as i64).contains(&x) || !(0..self.height as i64).contains(&y) {
            return;
        }
        let at = (y as usize * self.width + x as usize) * 3;
        for (old, new) in self.pixels[at..at + 3].iter_mut().zip(color) {
            *old = (f64::from(*old) + (f64::from(new) - f64::from(*old)) * share).round() as u8;
        }
    }

    /// Fills what lies in one of some polygons, whose points go round in the same direction.
    fn fill(&mut self, polygons: &[Vec<Point>], color: Color, opacity: f64) {
        let bounds = |axis: usize, limit: usize| {
            let values = polygons.iter().flatten().map(|point| point[axis] * SCALE);
            let (low, high) = values
                .fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), value| {
                    (low.min(value), high.max(value))
                });
            (low.floor().max(0.0), high.ceil().min(limit as f64))
        };
        let ((left, right), (top, bottom)) = (bounds(0, self.width), bounds(1, self.height));
        if !(left < right && top < bottom) {
            return;
        }
        let mut coverage =
            Rasterizer::new((right - left) as usize + 1, (bottom - top) as usize + 1);
        for polygon in polygons {
            let corners = polygon.iter().map(|[x, y]| {
                let x = (x * SCALE).clamp(left, right) - left;
                let y = (y * SCALE).clamp(top, bottom) - top;
                point(x as f32, y as f32)
            });
            let next = corners.clone().skip(1).chain(corners.clone().take(1));
            corners.zip(next).for_each(|(from, to)| coverage.draw_line(from, to));
        }
        coverage.for_each_pixel_2d(|x, y, covered| {
            if covered > 0.0 {
                let share = f64::from(covered.min(1.0)) * opacity;
                self.blend(left as i64 + i64::from(x), top as i64 + i64::from(y), color, share);
            }
        });
    }

    fn text(
        &mut self,
        font: &FontRef<'_>,
        [x, y]: Point,
        anchor: Anchor,
        (size, color): (f64, Color),
        text: &str,
    ) {
        let em = font.units_per_em().unwrap_or(1000.0);
        let font =
            font.as_scaled(PxScale::from((size * SCALE) as f32 * font.height_unscaled() / em));
        let glyphs: Vec<_> = text.chars().map(|letter| font.glyph_id(letter)).collect();
        let width: f32 = glyphs.iter().map(|glyph| font.h_advance(*glyph)).sum();
        let before = match anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => width / 2.0,
            Anchor::End => width,
        };
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

    /// Paints an image: each pixel is the mean of what it covers.
    fn image(&mut self, at: Point, size: Point, image: &Image) {
        let columns = Covered::all(at[0] * SCALE, size[0] * SCALE, image.width, self.width);
        let rows = Covered::all(at[1] * SCALE, size[1] * SCALE, image.height, self.height);
        for row in &rows {
            for column in &columns {
                let (mut sum, mut total) = ([0.0; 3], 0.0);
                for (y, high) in row.shares() {
                    for (x, wide) in column.shares() {
                        let pixel = &image.pixels[(y * image.width + x) * 3..][..3];
                        total += high * wide;
                        for (sum, part) in sum.iter_mut().zip(pixel) {
                            *sum += f64::from(*part) * high * wide;
                        }
                    }
                }
                if total > 0.0 {
                    let mean = sum.map(|sum| (sum / total).round() as u8);
                    self.blend(column.pixel as i64, row.pixel as i64, mean, 1.0);
                }
            }
        }
    }
}

/// What a pixel of a canvas covers of an image, along one axis.
struct Covered {
    pixel: usize,
    from: f64,
    to: f64,
    len: usize,
}

impl Covered {
    /// All pixels of an image of `len` pixels that is stretched over `size` pixels from `start`.
    fn all(start: f64, size: f64, len: usize, limit: usize) -> Vec<Self> {
        let (first, end) = (start.round().max(0.0) as usize, (start + size).round() as usize);
        let at = |pixel: usize| (pixel as f64 - first as f64) / (end - first) as f64 * len as f64;
        let covered = |pixel| Self { pixel, from: at(pixel), to: at(pixel + 1), len };
        (first..end.min(limit)).map(covered).collect()
    }

    /// Pixels of the image, and how much of each is covered.
    fn shares(&self) -> impl Iterator<Item = (usize, f64)> {
        let pixels = self.from as usize..(self.to.ceil() as usize).min(self.len);
        pixels.map(|i| (i, self.to.min(i as f64 + 1.0) - self.from.max(i as f64)))
    }
}

/// The outline of a line: a quadrangle for each piece and a circle at each corner, all in one direction.
fn outlines(points: &[Point], width: f64) -> Vec<Vec<Point>> {
    /// Corners of a circle.
    const CORNERS: usize = 12;
    let radius = width / 2.0;
    let mut found = Vec::new();
    for pair in points.windows(2) {
        let [[x0, y0], [x1, y1]] = [pair[0], pair[1]];
        let length = (x1 - x0).hypot(y1 - y0);
        if length > 0.0 {
            let [dx, dy] = [(y1 - y0) / length * radius, (x0 - x1) / length * radius];
            found.push(vec![
                [x0 + dx, y0 + dy],
                [x1 + dx, y1 + dy],
                [x1 - dx, y1 - dy],
                [x0 - dx, y0 - dy],
            ]);
        }
    }
    // At the ends of the line there are no circles, and thin lines have no corners that could be seen.
    let corners = points.get(1..points.len().saturating_sub(1)).filter(|_| width * SCALE > 1.5);
    for [x, y] in corners.into_iter().flatten() {
        let angle = |i: usize| i as f64 / CORNERS as f64 * std::f64::consts::TAU;
        let circle =
            (0..CORNERS).map(|i| [x + radius * angle(i).cos(), y + radius * angle(i).sin()]);
        found.push(circle.collect());
    }
    found
}

fn list(points: &[Point]) -> String {
    let points: Vec<String> = points.iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
    points.join(" ")
}

fn hex([red, green, blue]: Color) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// An image as a PNG file: a signature, and chunks for the size, the pixels and the end.
fn png(image: &Image) -> Vec<u8> {
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
        picture.line(vec![[12.0, 5.0], [30.0, 5.0], [14.0, 5.0], [14.0, 15.0]], [9, 8, 7], 2.0);
        let image = Image { width: 2, height: 1, pixels: vec![255, 0, 0, 0, 255, 0] };
        picture.image([20.0, 10.0], [8.0, 4.0], image);
        let at = painted(&picture);
        assert_eq!(at(5.0, 5.0), [128, 128, 228]);
        assert_eq!(at(10.5, 5.0), [255; 3]);
        assert_eq!(
            (at(20.0, 5.0), at(14.0, 5.0), at(14.0, 12.0)),
            ([9, 8, 7], [9, 8, 7], [9, 8, 7])
        );
        assert_eq!((at(20.0, 6.5), at(39.0, 19.0)), ([255; 3], [255; 3]));
        assert_eq!((at(21.0, 12.0), at(27.0, 12.0)), ([255, 0, 0], [0, 255, 0]));
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
        picture.line(vec![[50.0, 3.0], [60.0, 3.0]], [0; 3], 1.0);
        assert_eq!(painted(&picture)(39.5, 19.5), [1; 3]);
        let svg = picture.svg();
        assert!(svg.starts_with("<svg ") && svg.contains(">&lt;WWW&gt;</text>"), "{svg}");
    }

    #[test]
    fn a_smaller_image_is_the_mean_of_its_pixels() {
        let mut picture = Picture::new(40.0, 20.0);
        let pixels = (0..16).flat_map(|i| [if i % 2 == 0 { 0 } else { 100 }; 3]).collect();
        picture.image([0.0, 0.0], [1.0, 1.0], Image { width: 4, height: 4, pixels });
        assert_eq!(painted(&picture)(0.0, 0.0), [50; 3]);
    }
}

//! The numerical derivative: its error against h, in numbers of 32 and of 64 bits.

use super::*;
use crate::figure::{Series, SeriesMark};

settings! {
    /// The instrument `difference_quotient`, of `0.01 x² + 0.1 x` or `sin x`.
    ///
    /// Values: `exact`; with h as chosen `central`, `forward` and in f32 `central_f32`; their errors `central_error`,
    /// `forward_error`, `central_f32_error`; the h with the smallest error of the central one, `best_h` and `best_h_f32`; what an
    /// array of whole numbers gives, which cuts x + h and x − h: `whole_forward` and `whole_central`.
    pub struct DifferenceQuotient {
        /// The function at first: `polynomial` or `sine`.
        function: String = "polynomial".to_owned();
        /// The place at first.
        x: f64 = 5.0;
        /// The exponent of h at first: h is 10 to its power.
        exponent: f64 = -4.0;
    }
}

/// A number of the machine.
trait Real: Copy + Into<f64> {
    fn of(value: f64) -> Self;
    fn plus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    fn sine(self) -> Self;
}

macro_rules! real {
    ($($Type:ty),+) => {$(
        impl Real for $Type {
            fn of(value: f64) -> Self {
                value as Self
            }
            fn plus(self, other: Self) -> Self {
                self + other
            }
            fn times(self, other: Self) -> Self {
                self * other
            }
            fn sine(self) -> Self {
                self.sin()
            }
        }
    )+};
}

real!(f32, f64);

fn function<T: Real>(is_sine: bool, x: T) -> T {
    match is_sine {
        true => x.sine(),
        false => T::of(0.01).times(x).times(x).plus(T::of(0.1).times(x)),
    }
}

/// `(f(x + h) − f(x − h)) / 2h`, each operation rounded to the type.
fn central<T: Real>(is_sine: bool, x: f64, h: f64) -> f64 {
    let (x, h) = (T::of(x), T::of(h));
    let minus = |value: T| value.times(T::of(-1.0));
    let rise = function(is_sine, x.plus(h)).plus(minus(function(is_sine, x.plus(minus(h)))));
    T::of(rise.into() / h.plus(h).into()).into()
}

fn forward(is_sine: bool, x: f64, h: f64) -> f64 {
    (function(is_sine, x + h) - function(is_sine, x)) / h
}

impl Instrument for DifferenceQuotient {
    fn controls(&self, language: Language) -> Vec<Control> {
        let say = |en, zh| language.say(en, zh);
        let functions = [("polynomial", "0.01x² + 0.1x"), ("sine", "sin x")];
        let exponent = say("exponent of h", "h 的指数");
        vec![
            Control::choice("function", say("function", "函数"), &self.function, &functions),
            Control::number("x", "x", self.x, [-100.0, 100.0]),
            Control::number("exponent", exponent, self.exponent, [-50.0, 0.0]).step(0.5),
        ]
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let (is_sine, x) = (call.text("function") == "sine", call.number("x"));
        let h = 10_f64.powf(call.number("exponent"));
        let exact = if is_sine { x.cos() } else { 0.02 * x + 0.1 };
        let found = [
            (call.say("central, f64", "中心差分，f64"), central::<f64>(is_sine, x, h)),
            (call.say("forward, f64", "前向差分，f64"), forward(is_sine, x, h)),
            (call.say("central, f32", "中心差分，f32"), central::<f32>(is_sine, x, h)),
        ];
        let heads = ["<", call.say(">derivative", ">导数"), call.say(">error", ">误差")];
        let exact_row =
            vec![call.say("exact", "精确值").into(), number(exact, 16).into(), "".into()];
        let rows = found.iter().map(|&(name, value)| {
            let error = number((value - exact).abs(), 2);
            vec![name.into(), number(value, 16).into(), TableCell::from(error)]
        });
        let rows = [exact_row].into_iter().chain(rows);
        // What an array of whole numbers holds of x + h.
        let cut = |x: f64| function(is_sine, x.trunc());
        // The error of each against h; an error of 0 has no place on a logarithmic axis.
        let curve = |derivative: &dyn Fn(f64) -> f64| -> Vec<[f64; 2]> {
            let steps = (-64..=0).map(|i| 10_f64.powf(f64::from(i) / 4.0));
            let points = steps.map(|h| [h, (derivative(h) - exact).abs()]);
            points.filter(|point| point[1] > 0.0 && point[1].is_finite()).collect()
        };
        let curves = [
            curve(&|h| central::<f64>(is_sine, x, h)),
            curve(&|h| forward(is_sine, x, h)),
            curve(&|h| central::<f32>(is_sine, x, h)),
        ];
        let best = |curve: &[[f64; 2]]| {
            let best = curve.iter().min_by(|a, b| a[1].total_cmp(&b[1]));
            best.map_or(f64::NAN, |point| point[0])
        };
        let bests = [best(&curves[0]), best(&curves[2])];
        let series = curves.iter().zip(&found);
        let series = series.map(|(curve, (name, _))| Series::new(*name, SeriesMark::Line, curve));
        let axes = [PlotAxis::new("h").log(), PlotAxis::new(call.say("error", "误差")).log()];
        let [horizontal, vertical] = axes;
        Ok(InstrumentOutput::default()
            .figure(Figure::plot(horizontal, vertical, series.collect()))
            .figure(Figure::table(&heads, rows))
            .value("exact", exact)
            .value("central", found[0].1)
            .value("forward", found[1].1)
            .value("central_f32", found[2].1)
            .value("central_error", (found[0].1 - exact).abs())
            .value("forward_error", (found[1].1 - exact).abs())
            .value("central_f32_error", (found[2].1 - exact).abs())
            .value("best_h", bests[0])
            .value("best_h_f32", bests[1])
            .value("whole_forward", (cut(x + h) - cut(x)) / h)
            .value("whole_central", (cut(x + h) - cut(x - h)) / (2.0 * h)))
    }
}

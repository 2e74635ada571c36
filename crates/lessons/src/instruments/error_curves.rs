//! The squared and the absolute error as curves: value and slope at one error.

use super::*;
use crate::figure::{Series, SeriesMark};

settings! {
    /// The instrument `error_curves`.
    ///
    /// Values: `square`, `absolute`, and their slopes `d_square`, `d_absolute`.
    pub struct ErrorCurves {
        /// The error y − t at first.
        error: f64 = 0.4;
    }
}

impl Instrument for ErrorCurves {
    fn controls(&self, language: Language) -> Vec<Control> {
        let label = language.say("error y − t", "误差 y − t");
        vec![Control::number("error", label, self.error, [-2.0, 2.0]).step(0.1)]
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let e = call.number("error");
        // At 0 the absolute error has a kink, where the engine's slope is 0.
        let d_absolute = if e == 0.0 { 0.0 } else { e.signum() };
        let points = |f: fn(f64) -> f64| -> Vec<[f64; 2]> {
            (-40..=40).map(|i| f64::from(i) / 20.0).map(|x| [x, f(x)]).collect()
        };
        let names = [call.say("squared error", "平方误差"), call.say("absolute error", "绝对误差")];
        let series = vec![
            Series::new(names[0], SeriesMark::Line, &points(|x| x * x)),
            Series::new(names[1], SeriesMark::Dashed, &points(f64::abs)),
            Series::new(
                call.say("your error", "当前误差"),
                SeriesMark::Points,
                &[[e, e * e], [e, e.abs()]],
            ),
        ];
        let axes = [call.say("error y − t", "误差 y − t"), call.say("loss", "损失")];
        let plot = Figure::plot(PlotAxis::new(axes[0]), PlotAxis::new(axes[1]), series);
        let heads = ["<", call.say(">value", ">值"), call.say(">slope", ">斜率")];
        let slope = |value: f64| TableCell::marked(number(value, 6), CellMark::Backward);
        let rows = [
            vec![names[0].into(), cell(e * e), slope(2.0 * e)],
            vec![names[1].into(), cell(e.abs()), slope(d_absolute)],
        ];
        Ok(InstrumentOutput::default()
            .figure(plot)
            .figure(Figure::table(&heads, rows))
            .value("square", e * e)
            .value("absolute", e.abs())
            .value("d_square", 2.0 * e)
            .value("d_absolute", d_absolute))
    }
}

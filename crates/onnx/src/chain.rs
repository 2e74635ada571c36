//! Operators one after the other, under one label.

use crate::writer::{GraphWriter, Setting};

/// The operators of one op, transform or output.
pub(crate) struct OperatorChain<'a, 'b> {
    pub(crate) writer: &'a mut GraphWriter<'b>,
    pub(crate) label: &'a str,
}

impl OperatorChain<'_, '_> {
    /// An operator of values.
    pub(crate) fn of(&mut self, operator: &str, operands: &[&str]) -> String {
        self.with(operator, operands, &[])
    }

    /// An operator with settings.
    pub(crate) fn with(
        &mut self,
        operator: &str,
        operands: &[&str],
        settings: &[(&str, Setting<'_>)],
    ) -> String {
        let operands: Vec<String> = operands.iter().map(|&name| name.to_owned()).collect();
        self.writer.node(operator, self.label, &operands, settings)
    }

    /// A value with elements of another [type](crate::proto::data_type).
    pub(crate) fn cast(&mut self, x: &str, to: i32) -> String {
        self.with("Cast", &[x], &[("to", Setting::Whole(to.into()))])
    }

    pub(crate) fn times(&mut self, x: &str, factor: f64) -> String {
        let factor = self.number(factor);
        self.of("Mul", &[x, &factor])
    }

    pub(crate) fn plus(&mut self, x: &str, term: f64) -> String {
        let term = self.number(term);
        self.of("Add", &[x, &term])
    }

    /// `(x − center) / scale` of each column of `x`. Of a center that 32 bits do not hold, the nearest number comes first: of
    /// values nearby that difference is exact.
    pub(crate) fn scaled(&mut self, x: &str, centers: &[f64], scales: &[f64]) -> String {
        let near: Vec<f32> = centers.iter().map(|&center| center as f32).collect();
        let rests =
            centers.iter().zip(&near).map(|(&center, &near)| (center - f64::from(near)) as f32);
        let rests: Vec<f32> = rests.collect();
        let scales: Vec<f32> = scales.iter().map(|&scale| scale as f32).collect();
        let near = self.row(&near);
        let mut difference = self.of("Sub", &[x, &near]);
        if rests.iter().any(|&rest| rest != 0.0) {
            let rests = self.row(&rests);
            difference = self.of("Sub", &[&difference, &rests]);
        }
        let scales = self.row(&scales);
        self.of("Div", &[&difference, &scales])
    }

    /// Some of the columns of `x`.
    pub(crate) fn columns_of(&mut self, x: &str, columns: &[i64]) -> String {
        let columns = self.wholes(columns);
        self.with("Gather", &[x, &columns], &[("axis", Setting::Whole(1))])
    }

    pub(crate) fn number(&mut self, value: f64) -> String {
        self.writer.scalar(&self.constant_label(), value)
    }

    /// Numbers `[1, n]`.
    pub(crate) fn row(&mut self, values: &[f32]) -> String {
        self.writer.constant(&self.constant_label(), &[1, values.len()], values.to_vec())
    }

    /// Numbers `[n, 1]`.
    pub(crate) fn column(&mut self, values: &[f32]) -> String {
        self.writer.constant(&self.constant_label(), &[values.len(), 1], values.to_vec())
    }

    /// Whole numbers `[n]`.
    pub(crate) fn wholes(&mut self, values: &[i64]) -> String {
        self.writer.wholes(&self.constant_label(), values.to_vec())
    }

    fn constant_label(&self) -> String {
        format!("{}/constant", self.label)
    }
}

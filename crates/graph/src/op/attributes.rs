//! The settings of an op, for whoever writes graphs in another format.

/// A setting of an op.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A number.
    Number(f64),
    /// Sizes, or numbers of axes, which count the batch axis.
    Sizes(Vec<usize>),
    /// One of several forms of the op.
    Form(&'static str),
}

/// The settings of an op, by name: all that its result depends on beside its operands.
///
/// ```
/// use gradus_graph::{Graph, Shape};
///
/// let mut g = Graph::<f32>::new();
/// let x = g.input("x", Shape::batch([28, 3]));
/// let y = g.mean(x, &[1])?;
/// assert_eq!(g.attributes(y).sizes("axes"), Some(&[1][..]));
/// # Ok::<(), gradus_graph::ShapeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes(Vec<(&'static str, Attribute)>);

impl Attributes {
    /// These and a number.
    #[must_use]
    pub fn with_number(self, name: &'static str, value: f64) -> Self {
        self.with(name, Attribute::Number(value))
    }

    /// These and sizes.
    #[must_use]
    pub fn with_sizes(self, name: &'static str, sizes: impl Into<Vec<usize>>) -> Self {
        self.with(name, Attribute::Sizes(sizes.into()))
    }

    /// These and the form of the op.
    #[must_use]
    pub fn with_form(self, name: &'static str, form: &'static str) -> Self {
        self.with(name, Attribute::Form(form))
    }

    fn with(mut self, name: &'static str, attribute: Attribute) -> Self {
        self.0.push((name, attribute));
        self
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Attribute)> {
        self.0.iter().map(|(name, attribute)| (*name, attribute))
    }

    fn find(&self, name: &str) -> Option<&Attribute> {
        self.iter().find_map(|(found, attribute)| (found == name).then_some(attribute))
    }

    /// A number; none if the op has no such setting.
    pub fn number(&self, name: &str) -> Option<f64> {
        if let Some(Attribute::Number(number)) = self.find(name) { Some(*number) } else { None }
    }

    /// Sizes.
    pub fn sizes(&self, name: &str) -> Option<&[usize]> {
        if let Some(Attribute::Sizes(sizes)) = self.find(name) { Some(sizes) } else { None }
    }

    /// The form of the op.
    pub fn form(&self, name: &str) -> Option<&'static str> {
        if let Some(Attribute::Form(form)) = self.find(name) { Some(form) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::gelu::GeluForm;
    use crate::{Graph, Padding, Shape};

    #[test]
    fn ops_say_all_that_their_results_depend_on() {
        let mut g = Graph::<f32>::new();
        let x = g.input("x", Shape::batch([5, 6, 2]));
        let weight = g.parameter("weight", [3, 3, 2, 4]);
        let conv = g.conv2d(x, weight, [2, 2], Padding::Same).unwrap();
        let expected = Attributes::default()
            .with_sizes("kernel", [3, 3])
            .with_sizes("stride", [2, 2])
            // One row above and below; of the columns only one behind the last.
            .with_sizes("padding", [1, 1, 0, 1]);
        assert_eq!(g.attributes(conv), expected);
        let pool = g.max_pool2d(x, [2, 3], [1, 2], Padding::Valid).unwrap();
        assert_eq!(g.attributes(pool).sizes("kernel"), Some(&[2, 3][..]));
        assert_eq!(g.attributes(pool).sizes("padding"), Some(&[0; 4][..]));
        let sum = g.sum(x, &[0, 2]).unwrap();
        assert_eq!(g.attributes(sum).sizes("axes"), Some(&[0, 2][..]));
        let slice = g.slice(x, 1, 1..4).unwrap();
        let range = Attributes::default().with_sizes("axis", [1]).with_sizes("range", [1, 4]);
        assert_eq!(g.attributes(slice), range);
        let elu = g.elu(x, 0.5).unwrap();
        assert_eq!(g.attributes(elu).number("alpha"), Some(0.5));
        let gelu = g.gelu(x, GeluForm::Tanh);
        assert_eq!(g.attributes(gelu).form("form"), Some("tanh"));
        let plain = g.relu(x);
        assert_eq!(g.attributes(plain), Attributes::default());
        assert_eq!(g.attributes(x), Attributes::default());
    }
}

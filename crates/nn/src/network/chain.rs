//! A network as a chain of calls, for programs.

use std::path::PathBuf;

use super::{Layer, Network, NetworkError, RoleFactors};
use crate::init::{Initializer, he_normal::HeNormal};
use crate::layers::{
    Add, AvgPool2d, BatchNorm, Concat, Conv2d, DepthwiseConv2d, Dropout, Elu, Embedding, Flatten,
    Gelu, GlobalAvgPool2d, GroupNorm, HardSwish, LayerKind, LayerNorm, LeakyRelu, Linear,
    MaxPool2d, Mish, Relu, Selu, Sigmoid, Silu, Softmax, Softplus, Tanh,
};
use crate::registry::InvalidSetting;
use crate::setting::{Bias, Pair};

/// A network under construction, layer by layer: see [`Network::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct NetworkBuilder {
    network: Network,
    /// The first call that has no layer to change.
    misplaced: Option<&'static str>,
}

impl Network {
    /// Begins a network for samples of a shape, with the defaults of a file.
    ///
    /// Each call adds a layer behind the one before. A layer that was [named](NetworkBuilder::named) can be taken
    /// again by a later one, which makes a branch: [`from`](NetworkBuilder::from), [`add`](NetworkBuilder::add).
    ///
    /// ```
    /// use gradus_nn::Network;
    /// use gradus_nn::layers::Conv2d;
    ///
    /// let network = Network::builder([28, 28, 1])
    ///     .conv2d(16, 3)
    ///     .named("a")
    ///     .relu()
    ///     .layer(Conv2d::new(16, 3).same())
    ///     .add(["a"])
    ///     .relu()
    ///     .flatten()
    ///     .linear(10)
    ///     .build()?;
    /// assert_eq!(network.outputs()?, 10);
    /// assert_eq!(network.layers[3].from, ["a"]);
    ///
    /// let error = Network::builder([28, 28, 1]).linear(10).build().unwrap_err();
    /// assert_eq!(error.to_string(), "layer 1.linear");
    /// # Ok::<(), gradus_nn::NetworkError>(())
    /// ```
    pub fn builder(input: impl Into<Vec<usize>>) -> NetworkBuilder {
        let network = Self {
            input: input.into(),
            weight_init: HeNormal {}.into(),
            bias: Bias::default(),
            learning_rate_factors: RoleFactors::default(),
            start: None,
            layers: Vec::new(),
        };
        NetworkBuilder { network, misplaced: None }
    }
}

/// A method for each of the layers that most networks have. All others are given to [`NetworkBuilder::layer`].
macro_rules! layers {
    ($($(#[$doc:meta])* $name:ident($($setting:ident: $Type:ty),*) $kind:expr;)+) => {
        impl NetworkBuilder {
            $(
                $(#[$doc])*
                pub fn $name(self $(, $setting: $Type)*) -> Self {
                    self.layer($kind)
                }
            )+
        }
    };
}

layers! {
    /// Adds a fully connected layer: see [`Linear`].
    linear(units: usize) Linear::new(units);
    /// Adds a convolution without zeros around the image: see [`Conv2d`].
    conv2d(filters: usize, kernel: impl Into<Pair>) Conv2d::new(filters, kernel);
    /// Adds a convolution of each channel by itself: see [`DepthwiseConv2d`].
    depthwise_conv2d(kernel: impl Into<Pair>) DepthwiseConv2d::new(kernel);
    /// Adds a row of a table for each number: see [`Embedding`].
    embedding(count: usize, features: usize) Embedding::new(count, features);
    /// Adds the largest value of each window: see [`MaxPool2d`].
    max_pool2d(size: impl Into<Pair>) MaxPool2d::new(size);
    /// Adds the mean of each window: see [`AvgPool2d`].
    avg_pool2d(size: impl Into<Pair>) AvgPool2d::new(size);
    /// Adds the mean of each channel: see [`GlobalAvgPool2d`].
    global_avg_pool2d() GlobalAvgPool2d {};
    /// Adds a batch normalisation: see [`BatchNorm`].
    batch_norm() BatchNorm::default();
    /// Adds a normalisation over the last axis of each sample: see [`LayerNorm`].
    layer_norm() LayerNorm::default();
    /// Adds a normalisation over groups of channels of each sample: see [`GroupNorm`].
    group_norm(groups: usize) GroupNorm::new(groups);
    /// Adds dropout of a share of the features: see [`Dropout`].
    dropout(rate: f64) Dropout::new(rate);
    /// Makes one axis of all: see [`Flatten`].
    flatten() Flatten {};
    /// Adds `max(x, 0)`: see [`Relu`].
    relu() Relu {};
    /// Adds the rectifier with a slope of 0.01 on the negative side: see [`LeakyRelu`].
    leaky_relu() LeakyRelu::default();
    /// Adds `x · Φ(x)`: see [`Gelu`].
    gelu() Gelu::default();
    /// Adds `x · sigmoid(x)`: see [`Silu`].
    silu() Silu {};
    /// Adds the exponential linear unit: see [`Elu`].
    elu() Elu::default();
    /// Adds the scaled exponential linear unit: see [`Selu`].
    selu() Selu {};
    /// Adds `x · tanh(softplus(x))`: see [`Mish`].
    mish() Mish {};
    /// Adds the piecewise form of `silu`: see [`HardSwish`].
    hard_swish() HardSwish {};
    /// Adds `1 / (1 + e⁻ˣ)`: see [`Sigmoid`].
    sigmoid() Sigmoid {};
    /// Adds the hyperbolic tangent: see [`Tanh`].
    tanh() Tanh {};
    /// Adds `ln(1 + eˣ)`: see [`Softplus`].
    softplus() Softplus {};
    /// Adds probabilities over the last axis: see [`Softmax`].
    softmax() Softmax {};
}

impl NetworkBuilder {
    /// Adds a layer of any kind, with any settings.
    pub fn layer(mut self, layer: impl Into<Layer>) -> Self {
        self.network.layers.push(layer.into());
        self
    }

    /// Adds the sum of the output so far and those of named layers: a residual connection, see [`Add`].
    #[expect(clippy::should_implement_trait, reason = "it is called as its layer is")]
    pub fn add<S: Into<String>>(self, names: impl IntoIterator<Item = S>) -> Self {
        self.merge(Add {}, names)
    }

    /// Joins the output so far and those of named layers along the last axis: see [`Concat`].
    pub fn concat<S: Into<String>>(self, names: impl IntoIterator<Item = S>) -> Self {
        self.merge(Concat { axis: None }, names)
    }

    /// Adds a layer that merges the output so far with those of named layers.
    pub fn merge<S: Into<String>>(
        self,
        kind: impl Into<LayerKind>,
        names: impl IntoIterator<Item = S>,
    ) -> Self {
        let from = names.into_iter().map(Into::into).collect();
        self.layer(Layer { from, ..kind.into().into() })
    }

    /// Names the last layer, so that later ones can take its output.
    pub fn named(self, name: impl Into<String>) -> Self {
        self.change("named", |layer| layer.name = Some(name.into()))
    }

    /// Lets the last layer take the output of a named layer, or the `input`, in place of that of the layer before.
    pub fn from(self, name: impl Into<String>) -> Self {
        self.change("from", |layer| layer.from = vec![name.into()])
    }

    /// Leaves the parameters of the last layer as they begin.
    pub fn frozen(self) -> Self {
        self.change("frozen", |layer| layer.freeze = true)
    }

    /// Multiplies the learning rate for the parameters of the last layer.
    pub fn learning_rate_factor(self, factor: f64) -> Self {
        self.change("learning_rate_factor", |layer| layer.learning_rate_factor = factor)
    }

    fn change(mut self, call: &'static str, change: impl FnOnce(&mut Layer)) -> Self {
        match self.network.layers.last_mut() {
            Some(layer) => change(layer),
            None => _ = self.misplaced.get_or_insert(call),
        }
        self
    }

    /// The initializer of the weights of layers that do not have their own [default: `he_normal`].
    pub fn weight_init(mut self, initializer: impl Into<Initializer>) -> Self {
        self.network.weight_init = initializer.into();
        self
    }

    /// The biases of layers that do not have their own [default: one that begins at 0].
    pub fn bias(mut self, bias: Bias) -> Self {
        self.network.bias = bias;
        self
    }

    /// Multiplies the learning rate for parameters by a factor of their role.
    pub fn learning_rate_factors(mut self, factors: RoleFactors) -> Self {
        self.network.learning_rate_factors = factors;
        self
    }

    /// Begins with the parameters that a saved model has at the same path and in the same shape.
    pub fn start(mut self, model: impl Into<PathBuf>) -> Self {
        self.network.start = Some(model.into());
        self
    }

    /// Checks every setting, and that the layers fit one behind the other.
    ///
    /// # Errors
    ///
    /// The first setting outside its range or layer that does not fit.
    pub fn build(self) -> Result<Network, NetworkError> {
        if let Some(call) = self.misplaced {
            let expected = format!("a layer before `{call}`, which changes the last one");
            return Err(InvalidSetting::new("layers", "none", expected).into());
        }
        self.network.check()?;
        Ok(self.network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_of_calls_is_the_network_of_the_file() {
        let text = r#"
            input = [8, 8, 1]
            weight_init = "he_uniform"
            bias = 0.1
            learning_rate_factors = { bias = 0.5 }
            layers = [
                { kind = "conv2d", filters = 4, kernel = 3, padding = "same", name = "a", freeze = true },
                "relu",
                { kind = "conv2d", filters = 4, kernel = [1, 3], padding = "same", learning_rate_factor = 0.5 },
                { kind = "add", from = ["a"], name = "sum" },
                { kind = "max_pool2d", size = 2 },
                { kind = "avg_pool2d", size = 4, stride = 2, padding = 1, from = "sum", name = "mean" },
                { kind = "max_pool2d", size = [4, 4], from = "input" },
                { kind = "conv2d", filters = 4, kernel = 2 },
                "batch_norm", "layer_norm", { kind = "group_norm", groups = 2 }, { kind = "depthwise_conv2d", kernel = 1 },
                "leaky_relu", "gelu", "silu", "elu", "selu", "mish", "hard_swish", "sigmoid", "tanh", "softplus",
                { kind = "concat", from = ["sum"] }, "global_avg_pool2d", "flatten",
                { kind = "dropout", rate = 0.25 }, { kind = "linear", units = 3 }, "softmax",
            ]
        "#;
        let of_file: Network = toml::from_str(text).unwrap();
        let size = |size: usize| AvgPool2d { stride: Some(2.into()), ..AvgPool2d::new(size) };
        let pool = AvgPool2d { padding: 1.into(), ..size(4) };
        let builder = Network::builder([8, 8, 1])
            .weight_init(crate::init::HeUniform {})
            .bias(Bias::Value(0.1))
            .learning_rate_factors(RoleFactors { bias: 0.5, ..Default::default() })
            .layer(Conv2d::new(4, 3).same())
            .named("a")
            .frozen()
            .relu()
            .layer(Conv2d::new(4, [1, 3]).same())
            .learning_rate_factor(0.5)
            .add(["a"])
            .named("sum")
            .max_pool2d(2)
            .layer(pool)
            .from("sum")
            .named("mean")
            .max_pool2d([4, 4])
            .from("input")
            .conv2d(4, 2)
            .batch_norm()
            .layer_norm()
            .group_norm(2)
            .depthwise_conv2d(1)
            .leaky_relu()
            .gelu()
            .silu()
            .elu()
            .selu()
            .mish()
            .hard_swish()
            .sigmoid()
            .tanh()
            .softplus()
            .concat(["sum"])
            .global_avg_pool2d()
            .flatten()
            .dropout(0.25)
            .linear(3)
            .softmax();
        assert_eq!(builder.network, of_file);
        // The outputs of two branches are not used.
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains("a later layer that takes the output of 5.max_pool2d"), "{error}");
    }

    #[test]
    fn what_does_not_fit_is_refused_when_it_is_built() {
        let refusal = |builder: NetworkBuilder| builder.build().unwrap_err().to_string();
        let builder = || Network::builder([4]);
        assert_eq!(
            refusal(builder().named("a").frozen().linear(3)),
            "layers: expected a layer before `named`, which changes the last one, found none"
        );
        assert_eq!(refusal(builder().conv2d(3, 3)), "layer 1.conv2d");
        let units = refusal(builder().linear(0));
        assert!(units.starts_with("layers.1.units: expected 1 to"), "{units}");
        let from = refusal(builder().linear(3).named("a").linear(3).add(["b"]));
        assert!(from.starts_with("layers.3.from.1: expected the name of an earlier"), "{from}");
        let frozen = refusal(builder().linear(3).frozen());
        assert!(frozen.starts_with("all layers with parameters are frozen"), "{frozen}");
    }
}

//! What the initializers are held against: their distributions and their first values.

use kernels::random::Stream;

use super::{Initializer, ParameterSize};

/// The first `N` weights of a layer with these fans, whose weight is a matrix.
fn weights<const N: usize>(toml: &str, fans: [usize; 2], [seed, stream]: [u64; 2]) -> Vec<f64> {
    let initializer: Initializer = toml::from_str(toml).unwrap_or_else(|e| panic!("{toml}: {e}"));
    let mut values = vec![f64::NAN; N];
    let size = ParameterSize { shape: &fans, fans };
    initializer.as_dyn().fill(size, &mut Stream::new(seed, stream), &mut values);
    values
}

const FANS: [usize; 2] = [100, 50];

/// The initializers without random numbers.
const DRAW_NOTHING: [&str; 2] = ["constant", "zeros"];

#[test]
fn weights_have_the_distribution_of_their_source() {
    const N: usize = 100_000;
    // To an orthogonal initializer these are 50 columns of 2,000.
    let inf = f64::INFINITY;
    // Mean, standard deviation, and the bound on the distance from the mean.
    let cases = [
        ("kind = 'normal'\nmean = 1\ndeviation = 0.5", 1.0, 0.5, inf),
        // The deviation of a normal cut at ±2 is √(1 − 4·φ(2) / (2·Φ(2) − 1)).
        ("kind = 'truncated_normal'", 0.0, 0.1 * 0.8796256610342398, 0.2),
        ("kind = 'uniform'\nlow = 0\nhigh = 2", 1.0, 2.0 / 12f64.sqrt(), 1.0),
        ("kind = 'xavier_uniform'", 0.0, (2.0 / 150.0f64).sqrt(), (6.0 / 150.0f64).sqrt()),
        ("kind = 'xavier_normal'\nmode = 'average'", 0.0, (2.0 / 150.0f64).sqrt(), inf),
        ("kind = 'xavier_normal'\nmode = 'fan_in'", 0.0, 0.1, inf),
        ("kind = 'he_normal'", 0.0, 0.02f64.sqrt(), inf),
        ("kind = 'he_uniform'", 0.0, 0.02f64.sqrt(), 0.06f64.sqrt()),
        ("kind = 'orthogonal'\ngain = 2", 0.0, 2.0 / 2000f64.sqrt(), inf),
    ];
    for name in Initializer::NAMES.iter().filter(|name| !DRAW_NOTHING.contains(name)) {
        assert!(
            cases.iter().any(|(toml, ..)| toml.contains(&format!("'{name}'"))),
            "no case of {name}"
        );
    }
    for (toml, mean, deviation, limit) in cases {
        let values = weights::<N>(toml, FANS, [3, 5]);
        let found_mean = values.iter().sum::<f64>() / N as f64;
        let variance = values.iter().map(|v| (v - found_mean).powi(2)).sum::<f64>() / N as f64;
        let found = variance.sqrt();
        // Five standard errors: that of the mean is σ/√N, that of the deviation at most σ/√(2N).
        let error = 5.0 * deviation / (N as f64).sqrt();
        assert!((found_mean - mean).abs() < error, "{toml}: mean {found_mean}");
        assert!((found - deviation).abs() < error / 2f64.sqrt(), "{toml}: deviation {found}");
        let furthest = values.iter().map(|v| (v - mean).abs()).fold(0.0, f64::max);
        assert!(furthest <= limit, "{toml}: {furthest} from the mean");
        assert!(limit.is_infinite() || furthest > 0.99 * limit, "{toml}: at most {furthest}");
    }
}

/// Those of seed 42, stream 0, from a Philox and the formulas in Python.
#[test]
fn the_first_values_are_the_known_ones() {
    for (toml, expected) in [
        (
            "kind = 'normal'\nmean = 1\ndeviation = 0.5",
            [1.6172709102751355, -0.4775266737576058, 0.2532662664530113],
        ),
        (
            "kind = 'truncated_normal'",
            [0.1234541820550271, -0.14934674670939774, -0.13847915069807143],
        ),
        ("kind = 'uniform'", [0.011295988118941579, -0.04267682625584162, 0.04877186509145105]),
        (
            "kind = 'xavier_uniform'",
            [0.04518395247576632, -0.17070730502336648, 0.1950874603658042],
        ),
        ("kind = 'xavier_normal'", [0.14255261048410994, -0.3412201691315225, -0.1724507688305313]),
        ("kind = 'he_normal'", [0.17459057859389648, -0.4179076521592027, -0.2112081946927297]),
        ("kind = 'he_uniform'", [0.05533881406389609, -0.2090728963364477, 0.23893236655582858]),
    ] {
        let values = weights::<3>(toml, FANS, [42, 0]);
        // The logarithm, cosine and root of another library may round differently.
        let close = values.iter().zip(expected).all(|(v, e)| (v - e).abs() <= 1e-14 * e.abs());
        assert!(close, "{toml}: {values:?}, expected {expected:?}");
    }
}

#[test]
fn values_repeat_with_seed_and_stream_and_change_with_either_and_are_finite_for_fans_of_0() {
    for name in Initializer::NAMES {
        let toml = format!("kind = '{name}'");
        let values = |seed, stream| weights::<9>(&toml, [3, 3], [seed, stream]);
        assert_eq!(values(1, 2), values(1, 2), "{name}");
        let draws = !DRAW_NOTHING.contains(name);
        assert_eq!(values(1, 2) != values(1, 3), draws, "{name}");
        assert_eq!(values(1, 2) != values(2, 2), draws, "{name}");
        let values = weights::<9>(&toml, [0, 0], [1, 1]);
        assert!(values.iter().all(|v| v.is_finite()), "{name}: {values:?}");
    }
}

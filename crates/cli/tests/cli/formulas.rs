//! `explain` and `descend` on formulas: exit codes, files, and what is said on standard error.

use crate::sandbox::Sandbox;

#[test]
fn a_number_that_is_not_finite_is_one_line_on_standard_error_and_exit_1() {
    let sandbox = Sandbox::new();
    for (formula, at, line) in [
        ("2 + 1 / x", "x=0", "error: division by 0 at `1 / x`\n"),
        ("ln(x)", "x=-1", "error: logarithm of -1 at `ln(x)`\n"),
        ("sqrt(x)", "x=0", "error: infinite slope at `sqrt(x)`\n"),
    ] {
        let ran = sandbox.run(&["explain", formula, "--at", at]);
        assert_eq!((ran.code, ran.err.as_str()), (Some(1), line), "{formula}");
        assert!(ran.out.contains("\nresult = "), "{}", ran.out);
        let ran = sandbox.run(&["explain", "--json", "--at", at, formula]);
        assert_eq!((ran.code, ran.err.as_str()), (Some(1), line), "{formula}");
        let message = format!("error: {}\n", ran.json()["undefined"]["message"].as_str().unwrap());
        assert_eq!(message, line);
    }
}

#[test]
fn a_gradient_that_agrees_with_finite_differences_is_exit_0() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(&["explain", "x^3 * y", "--check", "--at", "x=2", "y=3"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.tells(&["gradient  finite differences", "\nx           36", "agrees"]);
}

#[test]
fn a_graph_is_drawn() {
    let sandbox = Sandbox::new();
    sandbox.run(&[
        "explain",
        "(apple*count)*tax",
        "--at",
        "apple=10",
        "count=2",
        "tax=1.1",
        "--svg",
        "a.svg",
    ]);
    let svg = sandbox.read("a.svg");
    for text in
        [">apple</text>", ">×</text>", "class=\"value\"", ">22</text>", ">11</text>", ">2.2</text>"]
    {
        assert!(svg.contains(text), "{text} in {svg}");
    }
}

#[test]
fn the_books_valley_is_descended_by_three_optimizers() {
    let sandbox = Sandbox::new();
    let valley = [
        "descend",
        "x^2/20 + y^2",
        "--from",
        "x=-7",
        "y=2",
        "--optimizer",
        "sgd,momentum,adam",
        "--learning-rate",
        "0.95,0.1,0.3",
        "--steps",
        "30",
    ];
    let ran = sandbox.run(&[&valley[..], &["--svg", "paths.svg"]].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.tells(&["x^2 / 20 + y^2\n\nsgd 0.95\nstep ", "  value", "\nadam 0.3 ", "30 + 30"]);
    let svg = sandbox.read("paths.svg");
    assert_eq!(
        (svg.matches("class=\"path\"").count(), svg.matches("class=\"contour\"").count()),
        (3, 12)
    );
    let ran = sandbox.run(&[&valley[..], &["--json"]].concat());
    let descent = ran.json();
    assert_eq!(descent["paths"][2]["points"].as_array().map(Vec::len), Some(31));
    assert_eq!(descent["surface"]["heights"].as_array().map(Vec::len), Some(61));
}

#[test]
fn g8_with_the_tutorials_defaults_and_three_rates() {
    let sandbox = Sandbox::new();
    let start = ["descend", "x^2 + y^2", "--from", "x=-3", "y=4", "--json"];
    let by_default = sandbox.run(&start).json();
    let path = &by_default["paths"][0];
    assert_eq!((&path["optimizer"], &path["learning_rate"]), (&"sgd".into(), &0.01.into()));
    assert_eq!(path["points"].as_array().map(Vec::len), Some(101));

    let rates = sandbox.run(&[&start[..], &["--learning-rate", "0.1,10,1e-10"]].concat()).json();
    let end = |path: usize| {
        let point = &rates["paths"][path]["points"][100]["at"];
        [0, 1].map(|axis| point[axis].as_f64().unwrap())
    };
    let [x, y] = end(0);
    assert!((x + 6.11e-10).abs() < 1e-12 && (y - 8.15e-10).abs() < 1e-12, "{x} {y}");
    assert!(end(1)[0].abs() > 1e6 && rates["paths"][1]["outcome"]["kind"] == "worse");
    assert!((end(2)[0] + 3.0).abs() < 1e-6);
}

#[test]
fn a_path_that_diverges_is_a_result() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(&["descend", "x^4", "--from", "x=3", "--learning-rate", "1", "--ascend"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    ran.tells(&["diverged: not finite at step "]);
}

#[test]
fn a_line_is_fitted_in_three_ways_side_by_side() {
    let sandbox = Sandbox::new();
    let line = "descend --data line --batch all,1,10 --learning-rate 0.1 --steps 50 --seed 3";
    let ran = sandbox.succeeds(line);
    ran.tells(&[
        "mean((weight * x + bias - y)^2)\n",
        "\nsgd 0.1, all\n",
        "\nsgd 0.1, batch 1\n",
        "2500",
        "500",
    ]);
    assert_eq!(ran.out, sandbox.succeeds(line).out, "the same seed, the same paths");
    assert_ne!(ran.out, sandbox.succeeds(&line.replace("--seed 3", "--seed 4")).out);
}

#[test]
fn what_does_not_fit_is_refused() {
    let sandbox = Sandbox::new();
    for (line, message) in [
        ("descend x^2", "expected where to start, such as --from x=-7 y=2"),
        ("descend x^2+z --from x=1", "names without a value: add --from z=… or --at z=…"),
        ("descend --from x=1", "expected a formula, such as 'x^2/20 + y^2', or --data line"),
        (
            "descend x^2 --from x=1 --optimizer sdg",
            "--optimizer: unknown variant `sdg`, expected one of",
        ),
        (
            "descend x^2 --from x=1 --optimizer sgd,adam --learning-rate 1,2,3",
            "--optimizer: expected 1 or 3 values",
        ),
        (
            "descend a*b*c --from a=1 b=2 c=3 --svg x.svg",
            "--svg: a picture shows one or two variables",
        ),
        ("descend --data square", "--data: expected line, found `square`"),
        ("descend --data line x^2", "--data line has a formula of its own"),
        (
            "descend x*+2 --from x=1",
            "expected a number, a name, a function, `-`, `(` or `[`, found `+`\n\nx*+2\n  ^",
        ),
        (
            "explain softmax(x) --at x=1",
            "expected a vector in softmax(…), found the number `x`\n\nsoftmax(x)\n        ^",
        ),
    ] {
        let error = sandbox.refused(line);
        assert!(error.starts_with(message), "{line}: {error}\nis not\n{message}");
    }
}

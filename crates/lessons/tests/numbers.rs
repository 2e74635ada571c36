//! The numbers that lessons state are those that their instruments compute.

use std::sync::LazyLock;

use gradus_lessons::{
    Control, Effort, Engine, Language, Lesson, LessonState, OpenedLesson, catalogue,
};

use gradus_lessons::figure::FigureContent;

use data::{Dataset, Features, Targets};
use runs::Split;

fn digits() -> Result<Split, String> {
    let digits = mnist::load().map_err(|error| error.to_string())?;
    let set = |name: &str, images: Vec<u8>, labels: Vec<u8>| {
        let values = labels.into_iter().map(u32::from).collect();
        let targets = Targets::Labels { values, classes: mnist::CLASSES };
        let shape = [mnist::ROWS, mnist::COLUMNS, 1];
        Dataset::new(name, shape, Features::U8(images), targets).expect("digits")
    };
    Ok(Split {
        train: set("training", digits.train_images, digits.train_labels),
        test: set("test", digits.test_images, digits.test_labels),
    })
}

/// One for all tests: what trains is trained once.
static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(digits));

fn opened(lesson: &'static Lesson, state: &LessonState) -> OpenedLesson<'static> {
    let opened = lesson.open(state, Language::En);
    opened.unwrap_or_else(|mistakes| panic!("{}: {mistakes:?}", lesson.name))
}

fn at_first(lesson: &'static Lesson) -> OpenedLesson<'static> {
    opened(lesson, &LessonState::of(lesson.name))
}

#[test]
fn every_stated_number_is_computed() {
    let engine = &*ENGINE;
    let effort = Effort::unlimited(2);
    let mut wrong = Vec::new();
    for lesson in catalogue::all() {
        for (name, number) in &lesson.spec.numbers {
            let opened = opened(lesson, &lesson.state_of(number));
            let computed = opened.number(&number.value, engine, effort);
            if !computed.as_ref().is_ok_and(|computed| number.agrees(*computed)) {
                let (lesson, stated) = (lesson.name, &number.is);
                wrong.push(format!("{lesson}: {name} is {stated}, computed {computed:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn g30_a_network_on_paper_has_the_published_weights_after_one_update() {
    let lesson = at_first(catalogue::find("chain-rule").unwrap());
    let engine = &*ENGINE;
    let output = lesson.run("paper", engine, Effort::unlimited(1)).unwrap();
    let expected = [
        0.149_780_716,
        0.199_561_432,
        0.249_751_144,
        0.299_502_287,
        0.358_916_480,
        0.408_666_186,
        0.511_301_270,
        0.561_370_121,
    ];
    for (i, expected) in expected.into_iter().enumerate() {
        let found = output.values[&format!("new_w{}", i + 1)];
        assert!((found - expected).abs() < 1e-9, "w{}: {found}", i + 1);
    }
}

#[test]
fn g31_a_wrong_box_is_answered_with_the_rule() {
    let lesson = at_first(catalogue::find("chain-rule").unwrap());
    let engine = &*ENGINE;
    let answer = ["2.2", "110", "3.3", "150", "650"].map(str::to_owned);
    let verdict = lesson.answer("fruit_boxes", &answer, engine, Effort::unlimited(1)).unwrap();
    let right: Vec<bool> = verdict.parts.iter().map(|part| part.right).collect();
    assert_eq!(right, [true, true, true, false, true]);
    assert_eq!(verdict.parts[3].expected, "165");
    let rules: Vec<bool> = verdict.parts.iter().map(|part| !part.feedback.is_empty()).collect();
    assert_eq!(rules, [false, false, false, true, false]);
    // The graph that is asked about does not hold the answers.
    let view = lesson.question("fruit_boxes", engine, Effort::unlimited(1)).unwrap();
    let Some(FigureContent::Graph { drawing, blanks }) = view.figure.map(|figure| figure.content)
    else {
        panic!("a graph with boxes");
    };
    assert_eq!(blanks.len(), 5);
    for blank in blanks {
        let gradient = drawing.edges[blank.edge].gradient.as_ref().unwrap();
        assert_eq!(gradient.text, "", "{}", blank.name);
    }
}

#[test]
fn every_stated_answer_is_right_and_every_known_wrong_one_is_not() {
    let engine = &*ENGINE;
    let effort = Effort::unlimited(2);
    let mut wrong = Vec::new();
    for lesson in catalogue::all() {
        let opened = at_first(lesson);
        for (name, question) in &lesson.spec.questions {
            let judge = |answer: &[String]| {
                let verdict = opened.answer(name, answer, engine, effort);
                verdict.unwrap_or_else(|error| panic!("{} {name}: {error}", lesson.name))
            };
            let boxes: Vec<String> = question.boxes.iter().map(|each| each.is.clone()).collect();
            let answer =
                if boxes.is_empty() { question.is.iter().cloned().collect() } else { boxes };
            let is_right = match answer.is_empty() {
                false => judge(&answer).right == Some(true),
                // Of a choice, some option is right and some is not.
                true => {
                    let options = 0..question.options.len();
                    let right =
                        options.filter(|i| judge(&[i.to_string()]).right == Some(true)).count();
                    0 < right && right < question.options.len()
                }
            };
            if !is_right {
                wrong.push(format!("{} {name}: {answer:?} is not right", lesson.name));
            }
            for known in question.wrong.iter().filter(|wrong| wrong.is.parse::<f64>().is_ok()) {
                let verdict = judge(std::slice::from_ref(&known.is));
                if verdict.right != Some(false) || verdict.parts[0].feedback.is_empty() {
                    wrong.push(format!("{} {name}: {} counts as right", lesson.name, known.is));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_instrument_runs_in_both_languages_and_with_the_ends_of_its_ranges() {
    let engine = &*ENGINE;
    for lesson in catalogue::all() {
        for language in Language::ALL {
            let opened = lesson.open(&LessonState::of(lesson.name), language).unwrap();
            for (name, spec) in &lesson.spec.instruments {
                let trains = spec.instrument.as_dyn().runs() != gradus_lessons::RunsWhen::AtOnce;
                if trains && language == Language::Zh {
                    continue;
                }
                let output = opened.run(name, engine, Effort::unlimited(2));
                let is_shown = output.is_ok_and(|output| !output.figures.is_empty());
                assert!(is_shown, "{} {name}", lesson.name);
            }
        }
        let first = at_first(lesson);
        for (name, spec) in &lesson.spec.instruments {
            if spec.instrument.as_dyn().runs() != gradus_lessons::RunsWhen::AtOnce {
                continue;
            }
            for (key, value) in first.controls(name).unwrap().iter().flat_map(ends) {
                // An error says what is wrong; nothing panics.
                let state =
                    LessonState { values: vec![(key, value)], ..LessonState::of(lesson.name) };
                let opened = opened(lesson, &state);
                let _ = opened.run(name, engine, Effort::unlimited(1));
            }
        }
    }
}

/// The least and the largest value of a control.
fn ends(control: &Control) -> Vec<(String, String)> {
    use gradus_lessons::ControlInput::{Choice, Number, Numbers, Seed, Text};
    let values = match &control.input {
        Number { min, max, .. } => vec![min.to_string(), max.to_string()],
        Numbers { min, max, least, most, .. } => {
            [(min, least), (max, least), (min, most), (max, most)]
                .map(|(value, n)| vec![value.to_string(); *n].join(","))
                .to_vec()
        }
        Choice { options, .. } => options.iter().map(|option| option.value.clone()).collect(),
        Text { .. } => vec![String::new(), "((".to_owned()],
        Seed { .. } => vec!["0".to_owned(), (1_u64 << 53).to_string()],
    };
    values.into_iter().map(|value| (control.key.clone(), value)).collect()
}

#[test]
fn the_same_values_give_the_same_output_with_any_number_of_threads() {
    for lesson in catalogue::all() {
        let opened = at_first(lesson);
        for name in lesson.spec.instruments.keys() {
            let run = |engine: &Engine, threads| {
                let output = opened.run(name, engine, Effort::unlimited(threads));
                serde_json::to_string(&*output.unwrap()).unwrap()
            };
            assert_eq!(run(&Engine::new(digits), 1), run(&ENGINE, 2), "{} {name}", lesson.name);
        }
    }
}

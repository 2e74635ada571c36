//! The numbers that lessons state are those that their instruments compute.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use gradus_lessons::{
    Control, Effort, Engine, Language, Lesson, LessonState, OpenedLesson, RunsWhen, catalogue,
};

use gradus_lessons::figure::FigureContent;

use data::{Dataset, Features, Targets};
use runs::Split;

fn digits() -> Result<Split, String> {
    static DIGITS: LazyLock<Split> = LazyLock::new(|| read_digits().unwrap());
    Ok(DIGITS.clone())
}

fn read_digits() -> Result<Split, String> {
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

/// What was wrong with a lesson.
#[derive(Default)]
struct Findings {
    numbers: Vec<String>,
    answers: Vec<String>,
    figures: Vec<String>,
    threads: Vec<String>,
}

/// All lessons, examined once for all tests: what trains is trained once, and a second time with other threads. Each
/// lesson has an engine of its own, which keeps all of its outputs.
static FINDINGS: LazyLock<Vec<Findings>> = LazyLock::new(|| {
    let lessons = catalogue::all();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut found = Vec::new();
        while let Some(lesson) = lessons.get(next.fetch_add(1, Ordering::Relaxed)) {
            found.push(examine(lesson));
        }
        found
    };
    std::thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers.into_iter().flat_map(|worker| worker.join().expect("no lesson panics")).collect()
    })
});

fn examine(lesson: &'static Lesson) -> Findings {
    let engine = Engine::new(digits);
    Findings {
        numbers: wrong_numbers(lesson, &engine),
        answers: wrong_answers(lesson, &engine),
        figures: missing_figures(lesson, &engine),
        threads: dependent_on_threads(lesson, &engine),
    }
}

#[track_caller]
fn check(of: fn(&Findings) -> &Vec<String>) {
    let wrong: Vec<&str> = FINDINGS.iter().flat_map(of).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_stated_number_is_computed() {
    check(|found| &found.numbers);
}

#[test]
fn every_stated_answer_is_right_and_every_known_wrong_one_is_not() {
    check(|found| &found.answers);
}

#[test]
fn every_instrument_runs_in_both_languages_and_with_the_ends_of_its_ranges() {
    check(|found| &found.figures);
}

#[test]
fn the_same_values_give_the_same_output_with_any_number_of_threads() {
    check(|found| &found.threads);
}

fn opened(lesson: &'static Lesson, state: &LessonState) -> OpenedLesson<'static> {
    let opened = lesson.open(state, Language::En);
    opened.unwrap_or_else(|mistakes| panic!("{}: {mistakes:?}", lesson.name))
}

fn at_first(lesson: &'static Lesson) -> OpenedLesson<'static> {
    opened(lesson, &LessonState::of(lesson.name))
}

fn wrong_numbers(lesson: &'static Lesson, engine: &Engine) -> Vec<String> {
    let wrong = lesson.spec.numbers.iter().filter_map(|(name, number)| {
        let opened = opened(lesson, &lesson.state_of(number));
        let computed = opened.number(&number.value, engine, Effort::unlimited(1));
        let agrees = computed.as_ref().is_ok_and(|computed| number.agrees(*computed));
        let (lesson, stated) = (lesson.name, &number.is);
        (!agrees).then(|| format!("{lesson}: {name} is {stated}, computed {computed:?}"))
    });
    wrong.collect()
}

#[test]
fn g30_a_network_on_paper_has_the_published_weights_after_one_update() {
    let lesson = at_first(catalogue::find("chain-rule").unwrap());
    let engine = &Engine::new(digits);
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
    let engine = &Engine::new(digits);
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

fn wrong_answers(lesson: &'static Lesson, engine: &Engine) -> Vec<String> {
    let opened = at_first(lesson);
    let mut wrong = Vec::new();
    for (name, question) in &lesson.spec.questions {
        let judge = |answer: &[String]| {
            let verdict = opened.answer(name, answer, engine, Effort::unlimited(1));
            verdict.unwrap_or_else(|error| panic!("{} {name}: {error}", lesson.name))
        };
        let boxes: Vec<String> = question.boxes.iter().map(|each| each.is.clone()).collect();
        let answer = if boxes.is_empty() { question.is.iter().cloned().collect() } else { boxes };
        let is_right = match answer.is_empty() {
            false => judge(&answer).right == Some(true),
            // Of a choice, some option is right and some is not.
            true => {
                let options = 0..question.options.len();
                let right = options.filter(|i| judge(&[i.to_string()]).right == Some(true)).count();
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
    wrong
}

fn missing_figures(lesson: &'static Lesson, engine: &Engine) -> Vec<String> {
    let trains =
        |name: &str| lesson.spec.instruments[name].instrument.as_dyn().runs() != RunsWhen::AtOnce;
    let mut missing = Vec::new();
    for language in Language::ALL {
        let opened = lesson.open(&LessonState::of(lesson.name), language).unwrap();
        for name in lesson.spec.instruments.keys() {
            if trains(name) && language == Language::Zh {
                continue;
            }
            let output = opened.run(name, engine, Effort::unlimited(1));
            if !output.is_ok_and(|output| !output.figures.is_empty()) {
                missing.push(format!("{} {name} {language:?} shows nothing", lesson.name));
            }
        }
    }
    let first = at_first(lesson);
    // An engine of its own: the outputs of the lesson are kept.
    let engine = &Engine::new(digits);
    for name in lesson.spec.instruments.keys().filter(|name| !trains(name)) {
        for (key, value) in first.controls(name).unwrap().iter().flat_map(ends) {
            // An error says what is wrong; nothing panics.
            let state = LessonState { values: vec![(key, value)], ..LessonState::of(lesson.name) };
            let _ = opened(lesson, &state).run(name, engine, Effort::unlimited(1));
        }
    }
    missing
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

fn dependent_on_threads(lesson: &'static Lesson, engine: &Engine) -> Vec<String> {
    let opened = at_first(lesson);
    let other = Engine::new(digits);
    let run = |name: &str, engine: &Engine, threads| {
        let output = opened.run(name, engine, Effort::unlimited(threads));
        serde_json::to_string(&*output.unwrap()).unwrap()
    };
    let names = lesson.spec.instruments.keys();
    let differs = names.filter(|name| run(name, engine, 1) != run(name, &other, 2));
    differs.map(|name| format!("{} {name} depends on the threads", lesson.name)).collect()
}

//! `lesson`: the list, lessons without a terminal, states.

use crate::sandbox::Sandbox;

#[test]
fn a_lesson_is_printed_whole_in_both_languages() {
    let sandbox = Sandbox::new();
    let list = sandbox.run(&["lesson", "--json"]).json();
    let names = list.as_array().unwrap().iter().map(|lesson| lesson["name"].as_str().unwrap());
    // Each is run by the tests of its crate; these take no time.
    for name in names.filter(|name| ["neurons", "losses", "chain-rule"].contains(name)) {
        for (language, answer) in [("en", "answer: "), ("zh", "答案：")] {
            // Standard input is not a terminal.
            let ran = sandbox.run(&["lesson", name, "--language", language]);
            assert_eq!((ran.code, &*ran.err), (Some(0), ""), "{name} {language}");
            ran.tells(&[answer, &format!("#lesson={name}")]);
        }
    }
}

#[test]
fn a_lesson_runs_with_the_values_of_a_state() {
    let sandbox = Sandbox::new();
    let state = "#lesson=chain-rule&apple=100&hide=tax&answers=off";
    let ran = sandbox.run(&["lesson", state, "--language", "en"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.tells(&["Two apples at 100 yuan each", "has the answers off", state]);
    assert!(!ran.out.contains("answer: "), "{}", ran.out);
    let by_number = sandbox.run(&["lesson", "13", "--answers", "--language", "en"]);
    by_number.tells(&["The chain rule", "answer: 2.2"]);
}

#[test]
fn a_damaged_state_is_said_at_its_place_and_nothing_runs() {
    let sandbox = Sandbox::new();
    for (state, message) in [
        ("lesson=chain-rule&apple=-1", "apple: expected a number from 0 to 1000, found `-1`"),
        ("lesson=chain-rule&aple=1", "aple: expected one of apple, "),
        ("lesson=chain-rule&hide=prize", "prize: expected one of apple, "),
        ("lesson=chain-rule&answers=no", "answers: expected `off`, found `no`"),
        ("lesson=chain-rule&apple=%zz", "apple: expected text with escapes"),
        ("chain-rul", "did you mean `chain-rule`?"),
    ] {
        let ran = sandbox.run(&["lesson", state]);
        assert_eq!((ran.code, &*ran.out), (Some(2), ""), "{state}");
        ran.tells(&[message]);
    }
    let ran = sandbox.run(&["studio", "#lesson=chain-rule&apple=-1"]);
    assert_eq!(ran.code, Some(2));
    ran.tells(&["apple: expected a number from 0 to 1000"]);
}

#[test]
fn rows_are_listed_with_the_lessons_that_show_them() {
    let ran = Sandbox::new().run(&["lesson", "--rows"]);
    ran.tells(&["\nG9   chain-rule\n", "\nT25"]);
}

//! Which lesson shows which row of the worked values (`docs/sources.md`, G) and of the traps in the sources (T).

use crate::catalogue;
use crate::lesson::Lesson;

/// Numbers of the worked values and of the traps, from first to last.
const ROWS: [(char, std::ops::RangeInclusive<u32>); 3] =
    [('G', 1..=24), ('G', 27..=31), ('T', 1..=25)];

/// Every row with the lessons that show it.
pub fn table() -> Vec<(String, Vec<&'static Lesson>)> {
    let rows = ROWS
        .iter()
        .flat_map(|(kind, numbers)| numbers.clone().map(move |number| format!("{kind}{number}")));
    let shown: Vec<_> = catalogue::all().iter().map(|lesson| (lesson, lesson.rows())).collect();
    let by_row = |row: String| {
        let lessons =
            shown.iter().filter(|(_, rows)| rows.contains(&row)).map(|(lesson, _)| *lesson);
        let lessons = lessons.collect();
        (row, lessons)
    };
    rows.map(by_row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_shown_by_a_lesson() {
        let table = table();
        let missing: Vec<&str> =
            table.iter().filter(|(_, lessons)| lessons.is_empty()).map(|(row, _)| &**row).collect();
        assert!(missing.is_empty(), "no lesson shows {missing:?}");
        for lesson in catalogue::all() {
            let unknown: Vec<_> = lesson
                .rows()
                .into_iter()
                .filter(|row| !table.iter().any(|(known, _)| known == row))
                .collect();
            assert!(unknown.is_empty(), "{}: {unknown:?}", lesson.name);
        }
    }
}

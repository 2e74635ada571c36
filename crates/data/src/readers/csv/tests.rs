//! The cases of tables that others have reported, and their kinds.

use super::*;
use crate::CellMistake;
use crate::columns::{Cells, ColumnKind, MISSING, Target};

fn look_at(bytes: &[u8], options: &TableOptions) -> CsvFile {
    CsvFile::from_bytes("t.csv", bytes, options).unwrap()
}

fn open(text: &str) -> CsvFile {
    look_at(text.as_bytes(), &TableOptions::default())
}

fn with(text: &str, change: impl FnOnce(&mut TableOptions)) -> CsvFile {
    let mut options = TableOptions::default();
    change(&mut options);
    look_at(text.as_bytes(), &options)
}

#[track_caller]
fn numbers(file: &CsvFile, column: &str) -> Vec<f64> {
    match &file.read().unwrap().column(column).unwrap().cells {
        Cells::Numbers(numbers) => numbers.clone(),
        other => panic!("{column}: {other:?}"),
    }
}

/// The category of each row, `∅` where it is missing.
#[track_caller]
fn categories(file: &CsvFile, column: &str) -> Vec<String> {
    match &file.read().unwrap().column(column).unwrap().cells {
        Cells::Categories { codes, categories } => {
            let name = |&code: &u32| match code {
                MISSING => "∅".to_owned(),
                code => categories[code as usize].clone(),
            };
            codes.iter().map(name).collect()
        }
        other => panic!("{column}: {other:?}"),
    }
}

#[track_caller]
fn kind(file: &CsvFile, column: &str) -> ColumnKind {
    file.description().column(column).unwrap().kind
}

#[track_caller]
fn finding<'a>(file: &'a CsvFile, about: &str) -> &'a Finding {
    let mut findings = file.description().findings.iter();
    findings.find(|finding| finding.about == about).unwrap_or_else(|| panic!("{about}: {file:?}"))
}

#[test]
fn a_byte_order_mark_line_ends_of_windows_and_quoted_ones_are_not_text_of_cells() {
    let text = "\u{feff}id,x,y\r\n1,0.5,a\r\n2,0.7,\"b\nc\"\r\n";
    let file = open(text);
    assert_eq!(file.description().rows, 2);
    assert_eq!(categories(&file, "y"), ["a", "b\nc"]);
    assert_eq!(numbers(&file, "x"), [0.5, 0.7]);
    assert_eq!(finding(&file, "encoding").found, "UTF-8 with a byte order mark");
    let by_id = with(text, |options| options.target = Target::Named("id".into()));
    assert_eq!(
        by_id.description().target().map(|column| column.kind),
        Some(ColumnKind::WholeCategory)
    );
    // Line ends of old Macintosh files, and none at the end.
    let old = open("id,x,y\r1,0.5,a\r2,0.7,b");
    assert_eq!(numbers(&old, "x"), [0.5, 0.7]);
}

#[test]
fn a_decimal_comma_is_found_and_what_can_be_read_in_two_ways_is_said() {
    let text = "a;b;y\n1,5;2.000;ja\n2,5;3.000;nein\n";
    let file = open(text);
    assert_eq!(numbers(&file, "a"), [1.5, 2.5]);
    assert_eq!(numbers(&file, "b"), [2000.0, 3000.0]);
    let Finding { found, change, .. } = finding(&file, "thousands");
    assert_eq!(found, "`2.000` in column `b` is read as 2000");
    assert_eq!(change, "thousands = false");
    assert_eq!(finding(&file, "decimal sign").found, "comma, as 1 columns have it");
    let without = with(text, |options| options.thousands = Some(false));
    assert_eq!((numbers(&without, "a"), numbers(&without, "b")), (vec![1.5, 2.5], vec![2.0, 3.0]));
}

#[test]
fn points_before_other_than_three_digits_are_decimal_also_in_files_with_semicolons() {
    let file = open("a;y\n6739.5362;u\n140.98877;v\n");
    assert_eq!(numbers(&file, "a"), [6739.5362, 140.98877]);
    let mixed = open("a;b\n6739.5362;1,5\n140.988;2,5\n");
    assert_eq!(numbers(&mixed, "a"), [6739.5362, 140.988]);
    assert_eq!(numbers(&mixed, "b"), [1.5, 2.5]);
}

#[test]
fn a_constant_column_is_named_and_its_value_kept() {
    let rows: String = (0..1000).map(|i| format!("14.62,{}\n", f64::from(i) / 8.0)).collect();
    let file = open(&format!("c,y\n{rows}"));
    let column = file.description().column("c").unwrap();
    assert_eq!((column.kind, &*column.reason), (ColumnKind::Constant, "14.62 in all 1000 rows"));
    assert!(numbers(&file, "c").iter().all(|&number| number == 14.62));
    let empty = open("c,y\n,1\n,2\n");
    assert_eq!(empty.description().column("c").unwrap().reason, "every cell is missing");
    assert_eq!(empty.description().column("c").unwrap().missing, 2);
}

#[test]
fn whole_numbers_that_f32_would_merge_stay_apart() {
    let text = "t,id\n1707954127790,16777216\n1707954127791,16777217\n";
    let file = open(text);
    assert_eq!(numbers(&file, "t"), [1_707_954_127_790.0, 1_707_954_127_791.0]);
    assert_eq!(categories(&file, "id"), ["16777216", "16777217"]);
    // Beyond 2⁵³ also f64 would merge them: they are names.
    let long = open("id,y\n9007199254740992,1\n9007199254740993,2\n9007199254740992,3\n");
    assert_eq!(
        categories(&long, "id"),
        ["9007199254740992", "9007199254740993", "9007199254740992"]
    );
}

#[test]
fn numbers_with_leading_zeros_are_names() {
    let file = open("id,y\n007,1.5\n7,2.5\n007,3.5\n");
    assert_eq!(categories(&file, "id"), ["007", "7", "007"]);
    let reason = &file.description().column("id").unwrap().reason;
    assert!(reason.contains("`007` begins with 0"), "{reason}");
    let said = with("id,y\n007,1.5\n7,2.5\n", |options| {
        options.kinds.insert("id".into(), ColumnKind::Number);
    });
    assert_eq!(numbers(&said, "id"), [7.0, 7.0]);
}

#[test]
fn words_and_marks_for_missing_cells_are_missing_and_a_mark_among_marks_is_a_category() {
    let file = open("x,w,s\n1.5,a,+\n,?,-\nNA,b,+\nNaN,NULL,-\nnull,a,-\n-,-,+\n?,b,\n2.5,a,+\n");
    let known: Vec<f64> = numbers(&file, "x").into_iter().filter(|x| !x.is_nan()).collect();
    assert_eq!(known, [1.5, 2.5]);
    assert_eq!(file.description().column("x").unwrap().missing, 6);
    assert_eq!(categories(&file, "w"), ["a", "∅", "b", "∅", "a", "∅", "b", "a"]);
    assert_eq!(categories(&file, "s"), ["+", "-", "+", "-", "-", "+", "∅", "+"]);
    let counted = &file.description().column("s").unwrap().categories;
    assert_eq!(*counted, [("+".to_owned(), 4), ("-".to_owned(), 3)]);
}

#[test]
fn a_row_of_another_length_is_named_by_its_line_and_many_are_counted() {
    let mut text = "a,b\n".to_owned();
    (2..30_017).for_each(|i| text += &format!("{i},x\n"));
    text += "1,2,3\n5,x\n";
    let file = open(&text);
    let expected = CellMistake {
        order: 30_017,
        place: "line 30017".into(),
        column: None,
        found: "3 cells".into(),
        expected: "2 cells".into(),
    };
    assert_eq!(file.mistakes().first, [expected]);
    let error = file.read().unwrap_err().to_string();
    let start = "t.csv: line 30017: found 3 cells, expected 2 cells\n  mend them";
    assert!(error.starts_with(start), "{error}");
    let skipped = with(&text, |options| options.skip_bad_rows = true);
    assert_eq!((skipped.read().unwrap().len(), skipped.mistakes().count), (30_016, 1));

    let many: String = (0..25).map(|_| "1\n").collect();
    let good: String = (0..100).map(|i| format!("{i},x\n")).collect();
    let file = open(&format!("a,b\n{good}{many}"));
    assert_eq!((file.mistakes().first.len(), file.mistakes().count), (10, 25));
    assert!(file.mistakes().to_string().contains("\n  and 15 more\n"));
}

#[test]
fn a_text_among_many_numbers_is_a_mistake_and_among_few_a_reason() {
    let rows: String = (0..300).map(|i| format!("{}.5,a\n", i * 7 % 250)).collect();
    let text = format!("x,y\n{rows}12 kg,a\n{rows}");
    let file = open(&text);
    let error = file.read().unwrap_err().to_string();
    assert!(error.contains("line 302, column `x`: found `12 kg`, expected a number"), "{error}");
    let skipped = with(&text, |options| options.skip_bad_rows = true);
    assert_eq!(numbers(&skipped, "x").len(), 600);
    let category = with(&text, |options| {
        options.kinds.insert("x".into(), ColumnKind::Category);
    });
    assert!(category.mistakes().is_empty());

    let file = open("x,y\n1,a\n12 kg,a\n3,b\n");
    let reason = &file.description().column("x").unwrap().reason;
    assert!(reason.ends_with("1 of 3 are not numbers, such as `12 kg` in line 3"), "{reason}");
}

#[test]
fn comments_many_columns_and_long_cells_are_read() {
    let file = open("# made by hand\na,b\n1,x\n# a comment, with, commas\n2,y\n");
    assert_eq!(numbers(&file, "a"), [1.0, 2.0]);
    assert_eq!(finding(&file, "comments").found, "1 lines left out that begin with #");

    let row =
        |cell: &dyn Fn(usize) -> String| (0..300).map(cell).collect::<Vec<_>>().join(",") + "\n";
    let text =
        row(&|i| format!("c{i}")) + &row(&|i| i.to_string()) + &row(&|i| (i + 1).to_string());
    let file = open(&text);
    assert_eq!(file.description().columns.len(), 300);
    assert_eq!(numbers(&file, "c298"), [298.0, 299.0]);

    let long = "x".repeat(2 << 20);
    let file = open(&format!("a,b\n1,{long}\n2,y\n"));
    assert_eq!(categories(&file, "b"), [&long, "y"]);
}

#[test]
fn text_in_latin_1_utf_16_and_gzip_is_read_and_said() {
    let text = "größe;y\n1,5;a\n2,5;b\n";
    let latin: Vec<u8> = text.chars().map(|c| c as u8).collect();
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, text.as_bytes()).unwrap();
    for (bytes, found) in [
        (latin, "Windows-1252 (Latin-1)"),
        (utf16, "UTF-16, low byte first"),
        (gzip.finish().unwrap(), "UTF-8, gzipped"),
    ] {
        let file = look_at(&bytes, &TableOptions::default());
        assert_eq!(finding(&file, "encoding").found, found);
        assert_eq!(numbers(&file, "größe"), [1.5, 2.5], "{found}");
    }
    // The first bytes are ASCII, a later one is not.
    let mut late = "a,b\n".to_owned() + &"1,x\n".repeat(100_000);
    late += "2,y";
    let mut late = late.into_bytes();
    late.extend(b"\xe9\n");
    let file = look_at(&late, &TableOptions::default());
    let mistake = &file.mistakes().first[0];
    assert_eq!((mistake.order, mistake.column.as_deref()), (100_002, Some("2")));
    let said = TableOptions { encoding: Some(Encoding::Windows1252), ..TableOptions::default() };
    assert_eq!(categories(&look_at(&late, &said), "b")[100_000], "yé");
}

#[test]
fn a_target_of_numbers_is_a_regression_unless_they_are_few_for_the_rows() {
    let of = |n: usize| {
        let rows: String = (0..2000).map(|i| format!("{}.5,{}\n", i % 300, i % n)).collect();
        kind(&open(&format!("x,y\n{rows}")), "y")
    };
    assert_eq!(
        [900, 7, 2].map(of),
        [ColumnKind::Number, ColumnKind::WholeCategory, ColumnKind::WholeCategory]
    );
    let said = with("x,y\n1.5,0\n2.5,1\n", |options| {
        options.kinds.insert("y".into(), ColumnKind::Number);
    });
    let column = said.description().target().unwrap();
    assert_eq!(column.kind, ColumnKind::Number);
    let reason = "as you say; found as whole number as category: two whole numbers, 0 and 1";
    assert_eq!(column.reason, reason);
}

#[test]
fn a_test_file_with_a_line_of_something_else_blanks_and_question_marks_is_read() {
    let text = "|1x3 Cross validator\n\
                25, Private, 226802, 11th, <=50K.\n\
                38, ?, 89814, HS-grad, <=50K.\n\
                28, Local-gov, 336951, HS-grad, >50K.\n\n";
    let file = open(text);
    assert_eq!((file.description().rows, file.mistakes().count), (3, 0));
    assert_eq!(categories(&file, "column 2"), ["Private", "∅", "Local-gov"]);
    assert_eq!(categories(&file, "column 5"), ["<=50K.", "<=50K.", ">50K."]);
    let first = finding(&file, "first rows");
    assert_eq!(first.found, "row 1 left out: `|1x3 Cross validator` has 1 of 5 cells");
}

#[test]
fn dates_are_read_as_the_column_says() {
    let file = open("d,e,y\n2024-02-29,29.02.2024 12:00,1\n2024-03-01,01.03.2024 00:00,2\n,,3\n");
    assert_eq!([kind(&file, "d"), kind(&file, "e")], [ColumnKind::Date; 2]);
    let seconds = numbers(&file, "d");
    assert_eq!(seconds[..2], [1_709_164_800.0, 1_709_251_200.0]);
    assert!(seconds[2].is_nan());
    assert_eq!(numbers(&file, "e")[0], 1_709_164_800.0 + 43_200.0);
}

#[test]
fn a_column_that_counts_the_rows_is_an_identifier_unless_it_is_the_only_feature() {
    let rows =
        |extra: &str| (1..50).map(|i| format!("{i}{extra},{}.5\n", i * i)).collect::<String>();
    assert_eq!(
        kind(&open(&format!("n,x,y\n{}", rows(",0.25\n").replace("\n,", ","))), "y"),
        ColumnKind::Number
    );
    let both: String = (1..50).map(|i| format!("{i},{}.5,{}.5\n", i % 7, i * i)).collect();
    assert_eq!(kind(&open(&format!("n,x,y\n{both}")), "n"), ColumnKind::Identifier);
    let only = open(&format!("n,y\n{}", rows("")));
    assert_eq!(kind(&only, "n"), ColumnKind::Number);
    assert_eq!(numbers(&only, "n")[..3], [1.0, 2.0, 3.0]);
}

#[test]
fn blocks_of_any_size_are_the_same_rows_with_the_same_codes() {
    let rows: String = (0..100).map(|i| format!("{}.5,{}\n", i, ["c", "a", "b"][i % 3])).collect();
    let file = open(&format!("x,y\n{rows}"));
    let whole = file.read().unwrap();
    for rows in [1, 7, 50, 100, 101] {
        let mut blocks = file.blocks(rows).unwrap().map(Result::unwrap);
        let mut table = blocks.next().unwrap();
        assert_eq!(table.len(), rows.min(100));
        blocks.for_each(|block| table.append(block));
        assert_eq!(table, whole, "{rows}");
    }
}

#[test]
fn a_quotation_mark_that_is_never_closed_ends_in_an_error_that_says_so() {
    // Consistent at the beginning, so that quotation marks are signs.
    let mut text = "a,b\n".to_owned() + &"1,\"x, y\"\n".repeat(40_000);
    text += "2,\"never closed\n";
    text += &"3,z\n".repeat(20 << 20);
    let error =
        CsvFile::from_bytes("t.csv", text.as_bytes(), &TableOptions::default()).unwrap_err();
    assert!(error.to_string().contains("is a quotation mark not closed?"), "{error}");
}

#[test]
fn files_without_a_table_and_names_that_do_not_exist_are_errors() {
    let message = |text: &str, options: &TableOptions| {
        CsvFile::from_bytes("t.csv", text.as_bytes(), options).unwrap_err().to_string()
    };
    let empty = "t.csv: expected a table of 1 to 100000 columns, found 0";
    assert_eq!(message("", &TableOptions::default()), empty);
    let options = TableOptions { target: Target::Named("z".into()), ..TableOptions::default() };
    let expected = "t.csv: has no column `z`; its columns are x, y";
    assert_eq!(message("x,y\n1,2\n", &options), expected);
    let header_only = open("x,y\n");
    assert_eq!(header_only.description().rows, 0);
    assert_eq!(header_only.read().unwrap_err().to_string(), "t.csv: has no rows");
}

#[test]
fn many_different_texts_are_counted_in_bounded_memory_and_kept_as_texts() {
    let rows: String = (0..70_000).map(|i| format!("name {i},{}\n", i % 2)).collect();
    let file = open(&format!("who,y\n{rows}"));
    let column = file.description().column("who").unwrap();
    assert_eq!((column.kind, column.distinct), (ColumnKind::Identifier, None));
    let table = file.read().unwrap();
    let Cells::Texts(texts) = &table.column("who").unwrap().cells else { panic!("texts") };
    assert_eq!(texts[69_999].as_deref(), Some("name 69999"));
}

#[cfg(feature = "files")]
#[test]
fn a_file_that_is_not_there_is_named() {
    let error = CsvFile::open(Path::new("no/such.csv"), &TableOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "no/such.csv: cannot be read");
}

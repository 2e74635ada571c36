//! Parquet: files that the library writes.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use kernels::random::Stream;
use parquet::basic::{Compression, GzipLevel};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray,
    FixedLenByteArrayType, FloatType, Int32Type, Int64Type,
};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use gradus_data::columns::{
    Cells, ColumnKind, Table, TableOptions, TableSource, Target, date_text,
};
use gradus_data::readers::csv::CsvFile;
use gradus_data::readers::parquet::ParquetFile;
use gradus_data::{SampleSource, TableReport, TransformPlan, open};

type Group<'a> = SerializedRowGroupWriter<'a, File>;

/// Writes groups of rows, all by `write`, with the number of the group.
fn write(
    path: &Path,
    schema: &str,
    compression: Compression,
    groups: usize,
    write: impl Fn(usize, &mut Group<'_>),
) {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    // Several pages in a group.
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_data_page_row_count_limit(7)
        .set_write_batch_size(3)
        .build();
    let file = File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
    for number in 0..groups {
        let mut group = writer.next_row_group().unwrap();
        write(number, &mut group);
        group.close().unwrap();
    }
    writer.close().unwrap();
}

/// Writes the next column, which is optional.
fn column<D: DataType>(group: &mut Group<'_>, values: impl IntoIterator<Item = Option<D::T>>) {
    let values: Vec<_> = values.into_iter().collect();
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let known: Vec<D::T> = values.into_iter().flatten().collect();
    let mut writer = group.next_column().unwrap().unwrap();
    writer.typed::<D>().write_batch(&known, Some(&levels), None).unwrap();
    writer.close().unwrap();
}

const STAFF: &str = "message staff {
    required int64 badge; optional double size; optional boolean paid; optional binary job (UTF8);
    optional int32 born (DATE); optional int64 seen (TIMESTAMP(MILLIS,true)); optional int32 wage (DECIMAL(9,2));
    optional group pets (LIST) { repeated group list { optional binary element (UTF8); } }
    optional binary level; }";

/// Forty rows of every kind of column, ten in a group, with gaps.
fn staff(path: &Path, compression: Compression) {
    write(path, STAFF, compression, 4, |group_number, group| {
        let rows = || (0..10_i32).map(move |i| group_number as i32 * 10 + i);
        let gap = |row: i32, every: i32| row % every != every - 1;
        let mut badge = group.next_column().unwrap().unwrap();
        let badges: Vec<i64> = rows().map(|row| i64::from(row * row)).collect();
        badge.typed::<Int64Type>().write_batch(&badges, None, None).unwrap();
        badge.close().unwrap();
        column::<DoubleType>(group, rows().map(|row| gap(row, 7).then(|| f64::from(row) / 8.0)));
        column::<BoolType>(group, rows().map(|row| gap(row, 9).then_some(row % 3 == 0)));
        let job = |row: i32| ByteArray::from(["clerk", "cook", "größer"][row as usize % 3]);
        column::<ByteArrayType>(group, rows().map(|row| gap(row, 11).then(|| job(row))));
        column::<Int32Type>(group, rows().map(|row| gap(row, 5).then_some(row * 400 - 3000)));
        let seen = |row: i32| i64::from(row) * 86_400_000 * 30 + 1500;
        column::<Int64Type>(group, rows().map(|row| gap(row, 8).then(|| seen(row))));
        column::<Int32Type>(group, rows().map(|row| gap(row, 6).then_some(row * 1001 - 500)));
        let mut pets = group.next_column().unwrap().unwrap();
        pets.typed::<ByteArrayType>().write_batch(&[], Some(&[0; 10]), Some(&[0; 10])).unwrap();
        pets.close().unwrap();
        let level = |row: i32| ByteArray::from(["1", "2"][row as usize % 2]);
        column::<ByteArrayType>(group, rows().map(|row| Some(level(row))));
    });
}

/// The same rows as a text.
fn staff_text() -> String {
    let mut text = "badge,size,paid,job,born,seen,wage,level\n".to_owned();
    for row in 0..40_i32 {
        let cell =
            |every: i32, cell: String| if row % every == every - 1 { String::new() } else { cell };
        let cells = [
            (row * row).to_string(),
            cell(7, (f64::from(row) / 8.0).to_string()),
            cell(9, (row % 3 == 0).to_string()),
            cell(11, ["clerk", "cook", "größer"][row as usize % 3].to_owned()),
            cell(5, date_text(f64::from(row * 400 - 3000) * 86_400.0)),
            cell(8, date_text(f64::from(row) * 86_400.0 * 30.0 + 1.0) + ".5"),
            cell(6, (f64::from(row * 1001 - 500) / 100.0).to_string()),
            ["1", "2"][row as usize % 2].to_owned(),
        ];
        text += &(cells.join(",") + "\n");
    }
    text
}

#[test]
fn columns_are_used_as_those_of_the_same_rows_in_a_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("staff.parquet");
    let options =
        TableOptions { target: Target::Named("job".to_owned()), ..TableOptions::default() };
    let text = CsvFile::from_bytes("staff.csv", staff_text().as_bytes(), &options).unwrap();
    let gzip = Compression::GZIP(GzipLevel::default());
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY, gzip] {
        staff(&path, compression);
        let file = ParquetFile::open(&path, &options).unwrap();
        let (about, expected) = (file.description(), text.description());
        assert_eq!((about.rows, about.target.as_deref()), (40, Some("job")));
        assert_eq!(
            about.findings[0].found,
            "1 left out that is not single values, such as pets.list.element"
        );
        for (found, expected) in about.columns.iter().zip(&expected.columns) {
            assert_eq!((&found.name, found.kind), (&expected.name, expected.kind));
            assert_eq!(
                (found.missing, found.distinct, &found.categories),
                (expected.missing, expected.distinct, &expected.categories),
                "{}",
                found.name
            );
        }
        let (found, expected) = (file.read().unwrap(), text.read().unwrap());
        for (found, expected) in found.columns().iter().zip(expected.columns()) {
            match (&found.cells, &expected.cells) {
                (Cells::Numbers(found), Cells::Numbers(expected)) => {
                    let bits =
                        |numbers: &[f64]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                    assert_eq!(bits(found), bits(expected));
                }
                (found, expected) => assert_eq!(found, expected),
            }
        }
        assert!(TableReport::of(&file).is_ok());
        for rows in [1, 7, 10, 39, 40, 41] {
            let blocks: Result<Vec<_>, _> = file.blocks(rows).unwrap().collect();
            let blocks = blocks.unwrap();
            assert!(blocks[..blocks.len() - 1].iter().all(|block| block.len() == rows));
            assert_eq!(blocks.iter().map(Table::len).sum::<usize>(), 40);
            let jobs = blocks.iter().flat_map(|block| match &block.column("job").unwrap().cells {
                Cells::Categories { codes, .. } => codes.clone(),
                other => panic!("{other:?}"),
            });
            let Cells::Categories { codes, .. } = &found.column("job").unwrap().cells else {
                panic!()
            };
            assert_eq!(&jobs.collect::<Vec<_>>(), codes);
        }
    }
}

#[test]
fn a_model_takes_the_rows_of_either_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("staff.parquet");
    staff(&path, Compression::SNAPPY);
    fs::write(folder.path().join("staff.csv"), staff_text()).unwrap();
    let options =
        TableOptions { target: Target::Named("job".to_owned()), ..TableOptions::default() };
    let kept = |names: &[&str]| TableOptions {
        kinds: names.iter().map(|name| ((*name).to_owned(), ColumnKind::Identifier)).collect(),
        ..options.clone()
    };
    // `paid` misses cells, which are as no category.
    let fitted = TransformPlan::default()
        .fit(&*open(&path, &kept(&["badge"])).unwrap(), &|row| row % 11 != 10)
        .unwrap();
    let features = |file: &str| {
        let path = folder.path().join(file);
        let mut source = SampleSource::open(&path, &options, &fitted, false).unwrap();
        let blocks: Vec<_> = source.blocks(9).unwrap().map(Result::unwrap).collect();
        blocks.into_iter().flat_map(|block| block.features.into_reals()).collect::<Vec<_>>()
    };
    let found = features("staff.parquet");
    assert_eq!(found.len(), 40 * fitted.width());
    assert_eq!(found, features("staff.csv"));
}

#[test]
fn other_numbers_are_read_and_what_cannot_be_told_apart_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let schema = "message x { optional int32 small (INTEGER(32,false)); optional int64 large (INTEGER(64,false));
        optional fixed_len_byte_array(2) half (FLOAT16); optional float single;
        optional fixed_len_byte_array(3) money (DECIMAL(6,1)); optional binary bytes; }";
    let file = |large: i64, bytes: &'static [u8]| {
        write(&path, schema, Compression::UNCOMPRESSED, 1, |_, group| {
            let rows = 0..4_i32;
            column::<Int32Type>(group, rows.clone().map(|row| Some(-1 - row)));
            column::<Int64Type>(group, rows.clone().map(|row| Some(large - i64::from(row))));
            let half = |row: i32| ((0x3c00_u16 + 0x100 * row as u16).to_le_bytes()).to_vec();
            let fixed = |bytes: Vec<u8>| Some(FixedLenByteArray::from(ByteArray::from(bytes)));
            column::<FixedLenByteArrayType>(group, rows.clone().map(|row| fixed(half(row))));
            column::<FloatType>(group, rows.clone().map(|row| Some(row as f32 * 0.1)));
            let money = |row: i32| (-15 - row).to_be_bytes()[1..].to_vec();
            column::<FixedLenByteArrayType>(group, rows.clone().map(|row| fixed(money(row))));
            column::<ByteArrayType>(group, rows.map(|_| Some(ByteArray::from(bytes.to_vec()))));
        });
        let options = TableOptions { target: Target::Absent, ..TableOptions::default() };
        ParquetFile::open(&path, &options)?.read()
    };
    let table = file(1 << 53, b"a").unwrap();
    let numbers = |name: &str| match &table.column(name).unwrap().cells {
        Cells::Numbers(numbers) => numbers.clone(),
        other => panic!("{other:?}"),
    };
    let expected =
        |number: &dyn Fn(f64) -> f64| (0..4).map(|row| number(f64::from(row))).collect::<Vec<_>>();
    assert_eq!(numbers("small"), expected(&|row| 4_294_967_295.0 - row));
    assert_eq!(numbers("large"), expected(&|row| 9_007_199_254_740_992.0 - row));
    assert_eq!(numbers("half"), expected(&|row| 1.0 + row / 4.0));
    assert_eq!(numbers("single"), expected(&|row| f64::from(row as f32 * 0.1)));
    assert_eq!(numbers("money"), expected(&|row| (-15.0 - row) / 10.0));
    // Without a sign.
    let error = file(-1, b"a").unwrap_err().to_string();
    assert!(error.contains("column `large`: found a whole number beyond 2^53"), "{error}");
    let error = file(5, b"\xff").unwrap_err().to_string();
    assert!(
        error.ends_with("column `bytes`: found bytes that are not UTF-8, expected a text"),
        "{error}"
    );
}

#[test]
fn texts_that_are_not_the_numbers_that_the_user_says_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let schema = "message x { optional binary x (UTF8); optional double y; }";
    write(&path, schema, Compression::SNAPPY, 2, |group_number, group| {
        let is_word = |row: usize| (group_number, row) == (1, 20);
        let text =
            |row: usize| if is_word(row) { "many".to_owned() } else { format!("{}.5", row % 9) };
        let text = |row| Some(ByteArray::from(text(row).as_str()));
        column::<ByteArrayType>(group, (0..100).map(text));
        column::<DoubleType>(group, (0..100).map(|row| Some(f64::from(row) / 3.0)));
    });
    let open = |kinds: &[(&str, ColumnKind)]| {
        let kinds = kinds.iter().map(|&(name, kind)| (name.to_owned(), kind)).collect();
        ParquetFile::open(&path, &TableOptions { kinds, ..TableOptions::default() }).unwrap()
    };
    let found = open(&[]);
    assert_eq!(
        (found.description().columns[0].kind, found.read().unwrap().len()),
        (ColumnKind::Category, 200)
    );
    let error = open(&[("x", ColumnKind::Number)]).read().unwrap_err().to_string();
    assert!(error.contains("row 121, column `x`: found `many`, expected a number"), "{error}");
}

#[test]
fn damaged_files_are_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("staff.parquet");
    let mut random = Stream::new(23, 0);
    let mut read = 0;
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
        staff(&path, compression);
        let whole = fs::read(&path).unwrap();
        for _ in 0..400 {
            let mut bytes = whole.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len() as u64) as usize;
                match random.below(4) {
                    0 => bytes[at] ^= 1 << random.below(8),
                    1 => bytes[at] = [0, 0x7f, 0x80, 0xff][random.below(4) as usize],
                    2 => drop(bytes.drain(at..(at + 3).min(whole.len()).min(bytes.len()))),
                    _ => bytes.truncate(at.max(1)),
                }
                if bytes.is_empty() {
                    break;
                }
            }
            fs::write(&path, &bytes).unwrap();
            let file = ParquetFile::open(&path, &TableOptions::default());
            read += usize::from(file.is_ok_and(|file| TableReport::of(&file).is_ok()));
        }
    }
    assert!(read > 0);
}

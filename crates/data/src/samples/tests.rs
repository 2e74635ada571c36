//! Foreign rows as samples: columns, notations, bad rows, pictures, streams.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::png::{BitDepth, ColorType};

use super::*;
use crate::TransformPlan;
use crate::columns::{Cells, Column, MemoryTable};
use crate::readers::csv::CsvFile;
use crate::readers::npy::ArrayTable;
use crate::readers::npy::testing::{f64s, npy};
use crate::readers::pictures::testing::{jpeg, png};

/// Transforms that leave numbers as they are.
const PLAIN: &str =
    "numbers = [{ kind = 'impute', flag = false }]\ncategories = [{ kind = 'one_hot' }]";

fn fitted(plan: &str, text: &str) -> FittedTransforms {
    let train =
        CsvFile::from_bytes("train.csv", text.as_bytes(), &TableOptions::default()).unwrap();
    let plan: TransformPlan = toml::from_str(plan).unwrap();
    plan.fit(&train, &|_| true).unwrap()
}

fn pets() -> FittedTransforms {
    fitted(PLAIN, "id,size,kind,class\n7,1.5,cat,x\n8,2.5,dog,y\n9,3.5,cat,x\n7,4.5,dog,y\n")
}

/// Features and names of all rows, and the source when they have been read.
fn read<'a>(
    text: &str,
    options: &TableOptions,
    fitted: &'a FittedTransforms,
    needs_target: bool,
) -> Result<(Vec<f32>, Vec<RowName>, SampleSource<'a>), DataError> {
    let bytes = io::Cursor::new(text.as_bytes().to_vec());
    let mut source = SampleSource::of_reader("new.csv", bytes, options, fitted, needs_target)?;
    let (mut features, mut names) = (Vec::new(), Vec::new());
    for block in source.blocks(2)? {
        let block = block?;
        let Features::F32(values) = block.features else { panic!("bytes") };
        features.extend(values);
        names.extend(block.names);
    }
    Ok((features, names, source))
}

fn plain(text: &str, fitted: &FittedTransforms) -> Vec<f32> {
    read(text, &TableOptions::default(), fitted, false).unwrap().0
}

fn refused(text: &str, fitted: &FittedTransforms) -> String {
    let read = read(text, &TableOptions::default(), fitted, false);
    read.map(|_| ()).unwrap_err().to_string()
}

#[test]
fn columns_are_found_by_name_whatever_their_order_and_others_are_said() {
    let fitted = pets();
    let text = "kind,more,size,id,note\ndog,1,2.5,5,a\ncat,2,8,6,b\n";
    let (features, names, source) = read(text, &TableOptions::default(), &fitted, false).unwrap();
    assert_eq!(features, [5.0, 2.5, 0.0, 1.0, 6.0, 8.0, 1.0, 0.0]);
    assert_eq!(names, [RowName::Row(1), RowName::Row(2)]);
    assert_eq!(source.notes(), ["columns that the model does not use: more, note"]);
    assert!(source.findings().is_empty());
    // The target may be there, with anything in it.
    assert_eq!(plain("size,kind,class,id\n1,dog,unknown,2\n", &fitted), [2.0, 1.0, 0.0, 1.0]);
}

#[test]
fn rows_are_drawn_before_their_transforms_and_without_the_bad_ones() {
    let fitted = pets();
    assert_eq!(Vec::from_iter(fitted.feature_ranges()), [0..1, 1..2, 2..4]);
    let text = "kind,size,id,class\ndog,1,1,x\ncat,2,2,\ncat,,3,y\nhen,4,4,z\ndog,5,5,x\n";
    let options = TableOptions { skip_bad_rows: true, ..TableOptions::default() };
    let bytes = || io::Cursor::new(text.as_bytes());
    let mut source = SampleSource::of_reader("new.csv", bytes(), &options, &fitted, true).unwrap();
    let rows = source.draw(10, 1).unwrap();
    // The second row has no target, the fourth one that training does not have.
    let cells = |name: &str| &rows.column(name).unwrap().cells;
    assert!(matches!(cells("id"), Cells::Numbers(ids) if *ids == [1.0, 3.0, 5.0]));
    assert!(matches!(cells("size"), Cells::Numbers(sizes) if sizes[1].is_nan()));
    assert_eq!([0, 1, 2].map(|row| cells("kind").text(row).unwrap()), ["dog", "cat", "dog"]);
    assert_eq!((source.mistakes().count, rows.columns().len()), (1, 4));
    let mut source = SampleSource::of_reader("new.csv", bytes(), &options, &fitted, true).unwrap();
    assert_eq!(source.draw(2, 1).unwrap().len(), 2);
}

#[test]
fn missing_and_unseen_cells_become_what_the_transforms_say_and_are_counted() {
    let fitted = pets();
    let text = "id,size,kind\n1,,cat\n2,NA,bird\n3,1,?\n4,1,cow\n";
    let (features, _, source) = read(text, &TableOptions::default(), &fitted, false).unwrap();
    // The median of 1.5 to 4.5.
    assert_eq!(features[..8], [1.0, 3.0, 1.0, 0.0, 2.0, 3.0, 0.0, 0.0]);
    assert_eq!(features[8..], [3.0, 1.0, 0.0, 0.0, 4.0, 1.0, 0.0, 0.0]);
    assert_eq!(
        source.findings(),
        [
            "column `size`: 2 missing cells, imputed as in training",
            "column `kind`: 1 missing cell, as no category",
            "column `kind`: 2 rows with a category that training does not have, such as `bird`, `cow`: as no category",
        ]
    );
}

#[test]
fn columns_without_names_are_those_of_training_by_position() {
    let fitted = pets();
    let all = "7,2.5,dog,x\n8,1,cat,y\n";
    assert_eq!(plain(all, &fitted), [7.0, 2.5, 0.0, 1.0, 8.0, 1.0, 1.0, 0.0]);
    assert_eq!(plain("7,2.5,dog\n8,1,cat\n", &fitted), plain(all, &fitted));
    let error = refused("2.5,dog\n1,cat\n", &fitted);
    let expected = "new.csv: found 2 columns, expected 4 or 3 as in training (id, size, kind, class); take away or add \
                    columns, or give them a header with these names";
    assert_eq!(error, expected);
    // Of a model that was trained without names, columns that are not used count too.
    let fitted = self::fitted(PLAIN, "x,5,1.5,7\ny,5,2.5,8\nx,5,3.5,9\ny,5,4.5,7\n");
    assert_eq!(fitted.columns().len(), 2, "{:?}", fitted.columns());
    let target = toml::from_str::<TransformPlan>(PLAIN).unwrap();
    let options =
        TableOptions { target: Target::Named("column 1".into()), ..TableOptions::default() };
    let text = "x,5,1.5,7\ny,5,2.5,8\nx,5,3.5,9\ny,5,4.5,7\n";
    let train = CsvFile::from_bytes("train.csv", text.as_bytes(), &options).unwrap();
    let fitted = target.fit(&train, &|_| true).unwrap();
    assert_eq!(plain("6,0.5,1\n6,1.5,2\n", &fitted), [0.5, 1.0, 1.5, 2.0]);
    assert_eq!(plain("z,6,0.5,1\nz,6,1.5,2\n", &fitted), [0.5, 1.0, 1.5, 2.0]);
}

#[test]
fn a_column_that_is_not_there_or_has_another_form_is_named() {
    let fitted = pets();
    assert_eq!(
        refused("id,kind,class\n1,cat,x\n", &fitted),
        "new.csv: has no column `size`, expected numbers as in training, found id, kind, class; add it, or name it so; \
         if the first row has no names, set header = false"
    );
    assert_eq!(
        refused("id,size,kind\n1,large,cat\n2,small,dog\n", &fitted),
        "new.csv: column `size`: found texts such as `large` in line 2, expected numbers as in training; mend its \
         cells, or name the right column `size`"
    );
    let read = read("id,size,kind\n1,2,cat\n", &TableOptions::default(), &fitted, true);
    let error = read.map(|_| ()).unwrap_err().to_string();
    assert!(
        error.starts_with("new.csv: has no column `class`, expected the target with its classes"),
        "{error}"
    );
}

#[test]
fn bad_rows_are_named_and_counted_or_left_out() {
    let fitted = pets();
    let mut text = "id,size,kind\n1,2,cat\n2,3,dog,4\n3,x,cat\n".to_owned();
    (0..20).for_each(|_| text += "4,y,cat\n");
    text += "5,6,dog\n";
    let error = refused(&text, &fitted);
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines[0], "new.csv: line 3: found 4 cells, expected 3 cells");
    assert_eq!(lines[1], "  line 4, column `size`: found `x`, expected a number");
    assert_eq!(
        lines[9..],
        [
            "  line 12, column `size`: found `y`, expected a number",
            "  and 12 more",
            "  mend them, or leave such rows out (`skip_bad_rows`)",
        ]
    );
    let options = TableOptions { skip_bad_rows: true, ..TableOptions::default() };
    let (features, names, source) = read(&text, &options, &fitted, false).unwrap();
    assert_eq!(features, [1.0, 2.0, 1.0, 0.0, 5.0, 6.0, 0.0, 1.0]);
    assert_eq!(names, [RowName::Row(1), RowName::Row(24)]);
    assert_eq!(source.mistakes().count, 22);
}

#[test]
fn a_missing_cell_that_nothing_imputes_is_a_bad_row() {
    let fitted = fitted("numbers = []", "size,class\n1.5,x\n2.5,y\n");
    let error = refused("size\n1\nNA\n2\n", &fitted);
    assert!(
        error.starts_with("new.csv: row 2, column `size`: found a missing cell, expected a number"),
        "{error}"
    );
    let options = TableOptions { skip_bad_rows: true, ..TableOptions::default() };
    assert_eq!(read("size\n1\nNA\n2\n", &options, &fitted, false).unwrap().0, [1.0, 2.0]);
}

#[test]
fn cells_that_do_not_tell_are_read_as_in_training() {
    let plan = "numbers = [{ kind = 'impute', flag = false }]\n\
                dates = [{ kind = 'impute', flag = false }, { kind = 'date_parts', parts = ['month'] }]";
    let german = "preis;tag;class\n1.000,5;31.01.2024;x\n2,5;03.04.2024;y\n3,5;05.06.2024;x\n";
    let fitted = fitted(plan, german);
    let month = |text: &str| plain(text, &fitted);
    let april = month("preis;tag\n2.000;03.04.2024\n");
    assert_eq!(april[0], 2000.0);
    assert_eq!(month("preis;tag\n1;30.04.2024\n")[1..], april[1..]);
    // Where cells tell, they count.
    assert_eq!(month("preis,tag\n2.5,2024-04-30\n")[0], 2.5);
    assert_eq!(month("preis,tag\n2.5,2024-04-30\n")[1..], april[1..]);
    let again = FittedTransforms::from_toml(&fitted.to_toml()).unwrap();
    assert_eq!(again, fitted);
}

#[test]
fn a_model_that_does_not_say_the_columns_of_its_table_has_features_and_then_the_target() {
    let text = pets().to_toml();
    let old = &text[..text.find("[[table]]").unwrap()];
    let fitted = FittedTransforms::from_toml(old).unwrap();
    assert_eq!(plain("7,2.5,dog,x\n", &fitted), [7.0, 2.5, 0.0, 1.0]);
    assert_eq!(plain("kind,size,id\ndog,2.5,7\n", &fitted), [7.0, 2.5, 0.0, 1.0]);
    let other = text.replacen("name = \"class\"", "name = \"klass\"", 1);
    let error = FittedTransforms::from_toml(&other).unwrap_err().to_string();
    assert!(error.contains("columns of the table are not those that are used"), "{error}");
}

#[test]
fn targets_are_read_with_what_the_data_calls_the_classes() {
    let renamed = pets().with_class_names(vec!["cats".into(), "dogs".into()]).unwrap();
    let mut options = TableOptions::default();
    // Without a target, with a full stop, and of a class that training does not have.
    let text = "id,size,kind,class\n1,2,cat,x\n2,3,dog,y.\n3,4,dog,\n4,5,cat,z\n";
    let dataset = |options: &TableOptions, text: &str, fitted: &FittedTransforms| {
        let bytes = io::Cursor::new(text.as_bytes().to_vec());
        let mut source = SampleSource::of_reader("new.csv", bytes, options, fitted, true).unwrap();
        let dataset = source.dataset();
        (dataset, source.findings())
    };
    let error = dataset(&options, text, &renamed).0.unwrap_err().to_string();
    let expected =
        "new.csv: row 4, column `class`: found `z`, expected a class of the training part";
    assert!(error.starts_with(expected), "{error}");
    options.skip_bad_rows = true;
    let (set, findings) = dataset(&options, text, &renamed);
    let set = set.unwrap();
    assert_eq!(set.targets(), &Targets::Labels { values: vec![0, 1], classes: 2 });
    assert_eq!((set.name(), set.sample_shape()), ("new.csv", &[4][..]));
    assert_eq!(renamed.class_name(1), "dogs");
    assert_eq!(findings, ["1 row without a target left out"]);
    // Whole numbers are classes however they are written.
    let numbers = fitted(PLAIN, "x,y\n1.5,0\n2.5,1\n3.5,1\n");
    let set = dataset(&options, "x,y\n1.5,1.0\n2.5,0\n", &numbers).0.unwrap();
    assert_eq!(set.targets(), &Targets::Labels { values: vec![1, 0], classes: 2 });
}

/// The numbers of a row as an array, with classes.
fn of_array(shape: &[usize]) -> FittedTransforms {
    let targets = Targets::Labels { values: vec![0, 1], classes: 2 };
    let len = shape.iter().product::<usize>();
    let features = Features::F32((0..2 * len).map(|i| i as f32).collect());
    FittedTransforms::of_dataset(&Dataset::new("d", shape, features, targets).unwrap()).unwrap()
}

#[test]
fn a_table_of_as_many_numbers_is_an_array() {
    let fitted = of_array(&[2, 2]);
    assert_eq!(plain("1,2,3,4\n5,6,7,8\n", &fitted), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    assert_eq!(plain("a,b,c,d\n1.5,2,3,4\n", &fitted), [1.5, 2.0, 3.0, 4.0]);
    // A label first would shift all pixels.
    assert_eq!(plain("target,a,b,c,d\n9,1,2,3,4\n", &fitted), [1.0, 2.0, 3.0, 4.0]);
    let error = refused("label,a,b,c,d\n9,1,2,3,4\n", &fitted);
    let expected = "new.csv: found 5 columns, expected 4 for the numbers of a row; call the target `target` in a header";
    assert!(error.starts_with(expected), "{error}");
    let error = refused("1,2,3,5\n5,,7,8\n", &fitted);
    assert!(
        error.starts_with("new.csv: row 2, column `features`: found a missing cell"),
        "{error}"
    );
}

#[test]
fn arrays_are_taken_by_position_and_their_kinds_do_not_count() {
    let table = |name: &str, shape: &str, values: &[f64]| -> Box<dyn TableSource> {
        let bytes = npy("<f8", false, shape, &f64s(values));
        Box::new(ArrayTable::from_bytes(&[(name, &bytes)], &TableOptions::default()).unwrap())
    };
    let features = |table, fitted: &FittedTransforms| {
        let mut source =
            SampleSource::of_table(table, &TableOptions::default(), fitted, false).unwrap();
        let blocks: Result<Vec<_>, _> = source.blocks(1).unwrap().collect();
        let rows = blocks.unwrap().into_iter().map(|block| match block.features {
            Features::F32(values) => values,
            Features::U8(_) => panic!("bytes"),
        });
        rows.collect::<Vec<_>>().concat()
    };
    // Two numbers, which are taken for a class alone.
    let fitted = self::fitted(PLAIN, "a,b,y\n1.5,2,0\n2.5,3,1\n3.5,2.5,1\n");
    let values = [1.0, 0.0, 2.0, 1.0];
    assert_eq!(features(table("x", "(2, 2)", &values), &fitted), [1.0, 0.0, 2.0, 1.0]);
    // Pictures with an axis for one channel, or without.
    let fitted = of_array(&[2, 2, 1]);
    let pictures: Vec<f64> = (0..8).map(f64::from).collect();
    assert_eq!(features(table("x", "(2, 2, 2)", &pictures), &fitted).len(), 8);
    let other = table("x", "(2, 1, 2, 2, 1, 1)", &pictures);
    assert_eq!(features(other, &fitted).len(), 8);
    let wide = table("x", "(1, 4, 2)", &pictures);
    let options = TableOptions::default();
    let mut source = SampleSource::of_table(wide, &options, &fitted, false).unwrap();
    let error = source.blocks(1).unwrap().next().unwrap().unwrap_err().to_string();
    assert!(
        error.contains(
            "column `features`: found arrays of shape [4, 2], expected arrays of shape [2, 2, 1]"
        ),
        "{error}"
    );
}

#[test]
fn whole_numbers_of_a_program_are_the_categories_of_that_name() {
    let options = TableOptions {
        kinds: [("floor".to_owned(), ColumnKind::WholeCategory)].into(),
        ..TableOptions::default()
    };
    let column = |name: &str, numbers: &[f64]| Column {
        name: name.to_owned(),
        cells: Cells::Numbers(numbers.to_vec()),
    };
    let train = vec![column("floor", &[1.0, 2.0, 1.0]), column("y", &[0.5, 1.5, 2.5])];
    let train = MemoryTable::new(Table::new("t", 3, train).unwrap(), &options).unwrap();
    let plan: TransformPlan = toml::from_str(PLAIN).unwrap();
    let fitted = plan.fit(&train, &|_| true).unwrap();
    let new = Table::new("u", 4, vec![column("floor", &[2.0, 1.0, 7.0, f64::NAN])]).unwrap();
    let mut features = vec![0.0; 8];
    let unseen = fitted.encode(&new, 0..4, &mut features).unwrap();
    assert_eq!(features, [0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!((unseen.len(), &*unseen[0].category), (1, "7"));
}

#[test]
fn pictures_have_the_size_of_training_or_are_scaled_where_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, size: [usize; 2], grey: u8| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, picture(size, grey)).unwrap();
        path
    };
    let (small, large) = (write("small.png", [2, 2], 7), write("large.png", [4, 6], 9));
    let bytes = Features::U8(vec![0; 8]);
    let targets = Targets::Labels { values: vec![0, 1], classes: 2 };
    let set = Dataset::new("digits", [2, 2, 1], bytes, targets).unwrap();
    let fitted = FittedTransforms::of_dataset(&set).unwrap();
    let options = TableOptions::default();
    let read = |path: &Path, options: &TableOptions| {
        let mut source = SampleSource::open(path, options, &fitted, false)?;
        let blocks: Result<Vec<_>, _> = source.blocks(10)?.collect();
        blocks
    };
    let found = read(&small, &options).unwrap();
    assert_eq!(found[0].features, Features::U8(vec![7; 4]));
    assert_eq!(found[0].names, [RowName::File(small.display().to_string())]);
    let error = read(&large, &options).unwrap_err().to_string();
    assert!(
        error.contains(
            "large.png: the file: found a picture of 6 x 4 pixels, expected 2 x 2 as in training; scale it, or let it be scaled and \
             cut: size = [2, 2]"
        ),
        "{error}"
    );
    let scaled = TableOptions { size: Some([2, 2]), ..TableOptions::default() };
    assert_eq!(
        read(folder.path(), &scaled).unwrap()[0].features,
        Features::U8(vec![9, 9, 9, 9, 7, 7, 7, 7])
    );
    let other = TableOptions { size: Some([3, 3]), ..TableOptions::default() };
    let error = read(&small, &other).unwrap_err().to_string();
    assert!(error.ends_with("size: found [3, 3], expected [2, 2], that of the model"), "{error}");
    // Folders are classes, in any order, and what is not a picture is a bad row.
    let classes = tempfile::tempdir().unwrap();
    for (name, grey) in [("0/a.png", 1), ("1/b.png", 2)] {
        let path = classes.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, picture([2, 2], grey)).unwrap();
    }
    let mut source = SampleSource::open(classes.path(), &options, &fitted, true).unwrap();
    let set = source.dataset().unwrap();
    assert_eq!(set.targets(), &Targets::Labels { values: vec![0, 1], classes: 2 });
    std::fs::write(classes.path().join("1/c.png"), b"text").unwrap();
    let error = read(classes.path(), &options).unwrap_err().to_string();
    assert!(error.contains("c.png: found text, expected a PNG or JPEG picture"), "{error}");
    let error =
        SampleSource::open(&small, &options, &pets(), false).map(|_| ()).unwrap_err().to_string();
    assert!(
        error.ends_with("found pictures, expected a table with the columns id, size, kind"),
        "{error}"
    );
}

#[test]
fn a_picture_for_a_prediction_is_the_way_up_that_it_is_in_training_and_never_half_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.jpg");
    let targets = Targets::Labels { values: vec![0, 1], classes: 2 };
    let set = Dataset::new("digits", [2, 1], Features::U8(vec![0; 4]), targets).unwrap();
    let fitted = FittedTransforms::of_dataset(&set).unwrap();
    let read = |bytes: &[u8], options: &TableOptions| {
        std::fs::write(&path, bytes).unwrap();
        let mut source = SampleSource::open(&path, options, &fitted, false).unwrap();
        let blocks: Result<Vec<_>, _> = source.blocks(10).unwrap().collect();
        let features = blocks.map(|blocks| blocks.into_iter().map(|block| block.features).next());
        (features, source.mistakes().count)
    };
    let whole = jpeg([1, 2], &[&[0, 255]], Some(6));
    let options = TableOptions::default();
    assert_eq!(read(&whole, &options).0.unwrap(), Some(Features::U8(vec![0, 255])));
    let cut = &whole[..whole.len() * 6 / 10];
    let error = read(cut, &options).0.unwrap_err().to_string();
    assert!(error.contains("the file: found a JPEG picture that is cut"), "{error}");
    let skipping = TableOptions { skip_bad_rows: true, ..options };
    let (features, mistakes) = read(cut, &skipping);
    assert_eq!((features.unwrap(), mistakes), (None, 1));
}

/// A grey picture of one colour.
fn picture([rows, columns]: [usize; 2], grey: u8) -> Vec<u8> {
    let size = [rows as u32, columns as u32];
    png(size, ColorType::Grayscale, BitDepth::Eight, &vec![grey; rows * columns], |_| {})
}

/// Rows without end, of which those that were taken are counted.
struct Endless(Arc<AtomicUsize>);

impl Read for Endless {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        const ROW: &[u8] = b"1,2.5,cat\n";
        let at = self.0.fetch_add(to.len(), Ordering::Relaxed);
        to.iter_mut().zip(at..).for_each(|(byte, i)| *byte = ROW[i % ROW.len()]);
        Ok(to.len())
    }
}

#[test]
fn a_text_is_not_read_further_than_the_rows_that_are_taken() {
    let fitted = pets();
    let taken = Arc::new(AtomicUsize::new(0));
    let options = TableOptions::default();
    let mut source =
        SampleSource::of_reader("rows", Endless(taken.clone()), &options, &fitted, false).unwrap();
    assert_eq!(
        source.blocks(100).unwrap().take(5).map(|block| block.unwrap().names.len()).sum::<usize>(),
        500
    );
    let beginning = taken.load(Ordering::Relaxed);
    assert!(beginning < 1 << 19, "{beginning} bytes");
    let rows: usize =
        source.blocks(1000).unwrap().take(100).map(|block| block.unwrap().names.len()).sum();
    assert_eq!(rows, 100_000);
    assert!(taken.load(Ordering::Relaxed) < beginning + 100_000 * 10 + (1 << 17));
}

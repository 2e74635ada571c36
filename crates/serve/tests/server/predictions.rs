//! What is predicted, in all forms of rows and answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data::CellValue;
use gradus_serve::ServeLimits;
use runs::{Predictor, RowPrediction, SavedModel};
use serde_json::{Value, json};

use crate::made_up::{Client, Server, picture_model, price_model, table_model};

const PREDICT: &str = "/v1/models/kinds/predict";

/// A row of the model of tables by a number.
fn row(i: usize) -> Value {
    let size = if i % 7 == 3 { Value::Null } else { json!((i * 37 % 101) as f64 / 8.0) };
    let kind = ["a", "b", "c"][i % 3];
    json!({ "size": size, "kind": kind, "day": format!("2024-01-{:02}", 1 + i % 31) })
}

fn body(rows: impl IntoIterator<Item = Value>) -> String {
    json!({ "rows": rows.into_iter().collect::<Vec<_>>() }).to_string()
}

/// What a model predicts for a row of JSON, by its own reading.
fn expected(predictor: &mut Predictor, row: &Value) -> RowPrediction {
    let day = data::columns::DateFormat::YearFirst.parse(row["day"].as_str().unwrap()).unwrap();
    let cells = [
        ("size", CellValue::from(row["size"].as_f64())),
        ("kind", row["kind"].as_str().into()),
        ("day", day.into()),
    ];
    predictor.predict_row(cells).unwrap()
}

fn png(rows: u32, columns: u32, pixels: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, columns, rows);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
    file
}

#[test]
fn rows_are_predicted_as_by_the_model_itself() {
    let server = Server::new(&[("kinds", table_model(1))], ServeLimits::default());
    let rows: Vec<_> = (0..20).map(row).collect();
    let answer = server.post(PREDICT, &body(rows.clone()));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.head.contains("\r\ncontent-type: application/json\r\n"), "{}", answer.head);
    let answer = answer.json();
    assert_eq!(answer["model"], "kinds");
    assert_eq!(answer.get("warnings"), None);
    let mut predictor = table_model(1).predictor().unwrap();
    for (i, row) in rows.iter().enumerate() {
        let found = &answer["predictions"][i];
        let RowPrediction::Class { best, scores } = expected(&mut predictor, row) else {
            panic!("values")
        };
        assert_eq!(found["predicted"], *best.name, "row {i}");
        for (name, score) in ["x", "y", "z"].iter().zip(scores) {
            let found = found["probabilities"][name].as_f64().unwrap();
            assert!((found - score).abs() < 1e-6, "row {i}: {found}, expected {score}");
        }
        assert_eq!(found["probability"], found["probabilities"][&best.name]);
    }
}

#[test]
fn lists_tables_and_the_short_path_say_the_same_as_objects() {
    let server = Server::new(&[("kinds", table_model(1))], ServeLimits::default());
    let rows: Vec<_> = (0..9).map(row).collect();
    let by_name = server.post(PREDICT, &body(rows.clone()));
    let in_order = rows.iter().map(|row| json!([row["size"], row["kind"], row["day"]]));
    assert_eq!(server.post(PREDICT, &body(in_order)), by_name);
    assert_eq!(server.post("/v1/predict", &body(rows.clone())), by_name);
    // Another order, and a column that the model does not use.
    let more = rows.iter().map(|row| {
        json!({ "day": row["day"], "class": "z", "note": [{}, null], "kind": row["kind"], "size": row["size"] })
    });
    assert_eq!(server.post(PREDICT, &body(more)), by_name);
    let line = |row: &Value| {
        let size = row["size"].as_f64().map_or(String::new(), |size| size.to_string());
        format!("{},{size},{}\n", row["kind"].as_str().unwrap(), row["day"].as_str().unwrap())
    };
    let table = "kind,size,day\n".to_owned() + &rows.iter().map(line).collect::<String>();
    let ask = |accept: &str| {
        let headers = format!("Content-Type: text/csv; charset=utf-8\r\n{accept}");
        server.client().ask("POST", PREDICT, &headers, table.as_bytes())
    };
    let of_table = ask("").json();
    assert_eq!(of_table["predictions"], by_name.json()["predictions"]);
    assert_eq!(
        of_table["warnings"],
        json!(["column `size`: 1 missing cell, imputed as in training"])
    );
    let csv = ask("Accept: text/csv\r\n");
    assert!(csv.head.contains("\r\ncontent-type: text/csv; charset=utf-8\r\n"), "{}", csv.head);
    let text = csv.text();
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    let heading =
        ["row", "predicted", "probability", "probability_x", "probability_y", "probability_z"];
    assert_eq!(lines[0], heading);
    assert_eq!(lines.len(), 10);
    for (i, line) in lines[1..].iter().enumerate() {
        let prediction = &by_name.json()["predictions"][i];
        assert_eq!(
            (line[0], line[1]),
            (&*(i + 1).to_string(), prediction["predicted"].as_str().unwrap())
        );
        let number: f64 = line[4].parse().unwrap();
        assert!((number - prediction["probabilities"]["y"].as_f64().unwrap()).abs() < 1e-7);
    }
}

#[test]
fn numbers_come_in_the_unit_of_their_column() {
    let models = [("price", price_model()), ("kinds", table_model(1))];
    let server = Server::new(&models, ServeLimits::default());
    let rows =
        json!({ "rows": [{ "size": 3, "kind": "b" }, { "size": 3, "kind": null }, [3.0, "?"]] });
    let answer = server.post("/v1/models/price/predict", &rows.to_string()).json();
    let values = [4000.5, 3000.5, 3000.5].map(|value| json!({ "predicted": value }));
    assert_eq!(answer["predictions"], json!(values));
    let warning = "row 3, column `kind`: found \"?\", which training does not have: as no category";
    assert_eq!(answer["warnings"], json!([warning]));
    let nothing = server.post("/v1/models/price/predict", r#"{"rows":[]}"#);
    assert_eq!(nothing.text(), r#"{"model":"price","predictions":[]}"#);
}

#[test]
fn pictures_are_predicted_as_their_pixels() {
    let server = Server::new(&[("pictures", picture_model())], ServeLimits::default());
    let path = "/v1/models/pictures/predict";
    let pixels: Vec<u8> = (0..16).map(|i| i * 15).collect();
    let of_pixels = server.post(path, &body([json!(pixels)])).json();
    let nested: Vec<_> = pixels.chunks(4).collect();
    assert_eq!(server.post(path, &body([json!(nested)])).json(), of_pixels);
    let RowPrediction::Class { best, .. } = &picture_model()
        .predictor()
        .unwrap()
        .predict_samples(&pixels.iter().map(|&pixel| pixel.into()).collect::<Vec<_>>())
        .unwrap()[0]
    else {
        panic!("values")
    };
    assert_eq!(of_pixels["predictions"][0]["predicted"], *best.name);
    let picture = png(4, 4, &pixels);
    let send = |query: &str, file: &[u8]| {
        server.client().ask("POST", &format!("{path}{query}"), "Content-Type: image/png\r\n", file)
    };
    assert_eq!(send("", &picture).json(), of_pixels);
    let larger: Vec<u8> = pixels
        .chunks(4)
        .flat_map(|row| [row, row])
        .flat_map(|row| row.iter().flat_map(|&pixel| [pixel; 2]))
        .collect();
    let larger = png(8, 8, &larger);
    assert_eq!(send("?scale=true", &larger).json(), of_pixels);
    let error = send("", &larger).error();
    assert!(error.contains("found a picture of 8 x 8 pixels, expected 4 x 4"), "{error}");
    let error = send("", b"no picture").error();
    assert!(error.starts_with("the picture: "), "{error}");
    let encoded = [&picture, &png(4, 4, &[0; 16])].map(|file| STANDARD.encode(file));
    let both = server.post(path, &json!({ "pictures": encoded }).to_string()).json();
    assert_eq!(both["predictions"][0], of_pixels["predictions"][0]);
    assert_eq!(both["predictions"].as_array().unwrap().len(), 2);
    assert_ne!(both["predictions"][1], both["predictions"][0]);
    let mistakes = [
        (json!({ "pictures": ["?"] }), "picture 1: "),
        (json!({ "pictures": [encoded[0], "aaaa"] }), "picture 2: "),
    ];
    for (body, start) in mistakes {
        let error = server.post(path, &body.to_string()).error();
        assert!(error.starts_with(start), "{error}");
    }
}

#[test]
fn more_rows_than_a_batch_are_predicted_in_several() {
    let limits = ServeLimits { max_batch: 5, ..ServeLimits::default() };
    let server = Server::new(&[("kinds", table_model(1))], limits);
    let rows: Vec<_> = (0..63).map(row).collect();
    let together = server.post(PREDICT, &body(rows.clone())).json();
    for (i, row) in rows.into_iter().enumerate() {
        let alone = server.post(PREDICT, &body([row])).json();
        assert_eq!(together["predictions"][i], alone["predictions"][0], "row {i}");
    }
}

/// Many clients at the same time, each of whose rows gets the same bytes as alone.
fn check_shared_batches(model: &SavedModel, name: &str, rows: &[Value]) {
    let server = Server::new(&[(name, model.clone())], ServeLimits::default());
    let path = format!("/v1/models/{name}/predict");
    let bodies: Vec<String> = rows.iter().map(|row| body([row.clone()])).collect();
    let alone: Vec<_> = bodies.iter().map(|body| server.post(&path, body)).collect();
    std::thread::scope(|scope| {
        for first in 0..24 {
            let (address, path, bodies, alone) = (server.server.address(), &path, &bodies, &alone);
            scope.spawn(move || {
                let mut client = Client::new(address);
                for i in (first..first + 200).map(|i| i * 7 % bodies.len()) {
                    let found = client.ask("POST", path, "", bodies[i].as_bytes());
                    assert_eq!(found.text(), alone[i].text());
                }
            });
        }
    });
    let metrics = server.get("/metrics").text();
    let count = |line: &str| -> f64 {
        let line = line.replace("NAME", name);
        let found = metrics.lines().find_map(|found| found.strip_prefix(&*line));
        found.unwrap_or_else(|| panic!("{line}: {metrics}")).trim().parse().unwrap()
    };
    let (rows, batches) = (
        count("gradus_batch_rows_sum{model=\"NAME\"}"),
        count("gradus_batch_rows_count{model=\"NAME\"}"),
    );
    assert!(batches < rows, "{batches} batches of {rows} rows: none was shared");
}

#[test]
fn what_a_row_gets_does_not_depend_on_who_shares_its_batch() {
    let rows: Vec<_> = (0..40).map(row).collect();
    check_shared_batches(&table_model(1), "kinds", &rows);
    let pictures =
        (0..40).map(|i: usize| json!((0..16).map(|j| (i * 31 + j * 17) % 256).collect::<Vec<_>>()));
    check_shared_batches(&picture_model(), "pictures", &pictures.collect::<Vec<_>>());
}

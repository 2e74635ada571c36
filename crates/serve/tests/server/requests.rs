//! Wrong requests, and what says what the server takes.

use gradus_serve::ServeLimits;
use serde_json::{Value, json};

use crate::made_up::{Server, picture_model, price_model, table_model};

const PREDICT: &str = "/v1/models/kinds/predict";
const ROW: &str = r#"{"rows":[{"size":1,"kind":"a","day":"2024-01-01"}]}"#;

#[test]
fn wrong_rows_are_refused_with_the_column_and_what_was_expected() {
    let server = Server::new(
        &[("kinds", table_model(1))],
        ServeLimits { max_rows: 3, ..ServeLimits::default() },
    );
    let mut client = server.client();
    for (body, status, expected) in [
        (
            r#"{"rows":[{"size":1,"day":"2024-01-01"}]}"#,
            400,
            "row 1: found no column `kind`, expected a category, or null if it is missing",
        ),
        (
            r#"{"rows":[{"size":1,"kind":"a","day":"2024-01-01"},{"size":"big","kind":"a","day":"2024-01-01"}]}"#,
            400,
            "row 2, column `size`: found the text `big`, expected a number",
        ),
        (
            r#"{"rows":[{"size":true,"kind":"a","day":"2024-01-01"}]}"#,
            400,
            "row 1, column `size`: found the text `true`, expected a number",
        ),
        (
            r#"{"rows":[{"size":[1,[2]],"kind":"a","day":"2024-01-01"}]}"#,
            400,
            "row 1, column `size`: found a list of 2 numbers, expected a number",
        ),
        (
            r#"{"rows":[{"size":1,"kind":"a","day":"01.02.2024"}]}"#,
            400,
            "row 1, column `day`: found the text `01.02.2024`, expected a date such as 2024-02-29",
        ),
        (
            r#"{"rows":[{"size":1,"size":2,"kind":"a","day":"2024-01-01"}]}"#,
            400,
            "row 1: found the column `size` twice, expected it once",
        ),
        (
            r#"{"rows":[[1,"a"]]}"#,
            400,
            "row 1: found no column `day`, expected a date, or null if it is missing",
        ),
        (
            r#"{"rows":[[1,"a","2024-01-01",4]]}"#,
            400,
            "row 1: found more than 3 cells, expected those of size, kind, day",
        ),
        (
            r#"{"rows":[[1,"a","2024-01-01"],[1,"a","2024-01-01"],[1,"a","2024-01-01"],[]]}"#,
            413,
            "rows: found 4 or more, expected at most 3",
        ),
        (
            r#"{"rows":[{"size":{},"kind":"a"}]}"#,
            400,
            "body: invalid type: map, expected a number, a text, null or a list of numbers",
        ),
        (
            r#"{"rows":[1]}"#,
            400,
            "body: invalid type: integer `1`, expected a row: an object with columns, or a list of cells",
        ),
        (r#"{"rows":{}}"#, 400, "body: invalid type: map, expected a list of rows"),
        (r#"{"row":[]}"#, 400, "body: unknown field `row`, expected `rows` or `pictures`"),
        ("{}", 400, "body: found an empty object, expected `rows` or `pictures`"),
        (r#"{"rows":[],"rows":[]}"#, 400, "body: expected `rows` or `pictures` once"),
        ("[]", 400, "body: invalid type: sequence, expected an object with `rows` or `pictures`"),
        ("", 400, "body: EOF while parsing a value"),
        (r#"{"rows":[]} x"#, 400, "body: trailing characters"),
        (r#"{"rows":[{"size":1e999,"kind":"a"}]}"#, 400, "body: number out of range"),
        ("\u{0}", 400, "body: expected value"),
        (
            r#"{"pictures":["iVBORw0KGgo="]}"#,
            400,
            "picture 1: found pictures, expected a table with the columns size, kind, day",
        ),
    ] {
        let answer = client.ask("POST", PREDICT, "", body.as_bytes());
        let error = answer.error();
        let error = error.split(" at line 1 column").next().unwrap();
        assert_eq!((answer.status, error), (status, expected), "{body}");
    }
    // The connection has survived it all.
    assert_eq!(client.ask("POST", PREDICT, "", ROW.as_bytes()).status, 200);
    let deep = format!("{{\"rows\":[[{}", "[".repeat(100_000));
    let error = client.ask("POST", PREDICT, "", deep.as_bytes()).error();
    assert!(error.starts_with("body: recursion limit exceeded"), "{error}");
    let mut csv =
        |table: &str| client.ask("POST", PREDICT, "Content-Type: text/csv\r\n", table.as_bytes());
    for (table, status, part) in [
        (
            "size,kind\n1,a\n",
            400,
            "body: has no column `day`, expected dates as in training, found size, kind",
        ),
        (
            "size,kind,day\n1,a,2024-01-01\nbig,a,2024-01-01\n",
            400,
            "line 3, column `size`: found `big`, expected a number",
        ),
        ("size,kind,day\n1,a,2024-01-01\n2,a\n", 400, "line 3"),
        (
            "size,kind,day\n1,a,2024-01-01\n1,a,2024-01-01\n1,a,2024-01-01\n1,a,2024-01-01\n",
            413,
            "rows: found 4 or more, expected at most 3",
        ),
        ("\u{1f}\u{8b}", 400, "body: "),
    ] {
        let answer = csv(table);
        let error = answer.error();
        assert_eq!(answer.status, status, "{table}: {error}");
        assert!(error.contains(part), "{table}: {error}");
    }
    let gzipped = client.ask("POST", PREDICT, "Content-Type: text/csv\r\n", &[0x1f, 0x8b, 8, 0]);
    assert_eq!(
        (gzipped.status, &*gzipped.error()),
        (415, "found a gzipped table, expected CSV as text")
    );
}

#[test]
fn arrays_of_another_length_are_refused() {
    let server = Server::new(&[("pictures", picture_model())], ServeLimits::default());
    for (row, expected) in [
        (
            json!([1, 2, 3]),
            "row 1, column `features`: found 3 numbers, expected 16 for an array of shape [4, 4, 1]",
        ),
        (
            json!(vec![0; 17]),
            "row 1, column `features`: found 17 numbers, expected 16 for an array of shape [4, 4, 1]",
        ),
        (json!(vec![0; 100]), "body: found more than 16 numbers in a list, expected 16"),
        (json!({}), "row 1: found no column `features`, expected a list of numbers"),
        (
            json!({ "features": null }),
            "row 1, column `features`: found a missing cell, expected an array of shape [4, 4, 1]",
        ),
        (
            json!({ "features": "?" }),
            "row 1, column `features`: found the text `?`, expected an array of shape [4, 4, 1]",
        ),
    ] {
        let answer = server.post("/v1/predict", &json!({ "rows": [row] }).to_string());
        let error = answer.error();
        let error = error.split(" at line").next().unwrap();
        assert_eq!((answer.status, error), (400, expected), "{row}");
    }
}

#[test]
fn paths_methods_and_types_that_do_not_exist_are_refused() {
    let models = [("kinds", table_model(1)), ("price", price_model())];
    let server = Server::new(&models, ServeLimits::default());
    let mut client = server.client();
    for (method, path, headers, status, expected) in [
        (
            "POST",
            "/v1/models/other/predict",
            "",
            404,
            "found no such model, expected one of kinds, price",
        ),
        (
            "POST",
            "/v1/predict",
            "",
            404,
            "expected /v1/models/NAME/predict with one of the names kinds, price",
        ),
        ("GET", "/v1/models/other", "", 404, "found no such model, expected one of kinds, price"),
        (
            "GET",
            "/index.html",
            "",
            404,
            "expected /v1/models/NAME/predict, /v1/models, /openapi.json, /metrics, /healthz or /",
        ),
        ("GET", PREDICT, "", 405, "expected the method POST"),
        ("PUT", PREDICT, "", 405, "expected the method POST"),
        ("POST", "/metrics", "", 405, "expected the method GET, HEAD"),
        ("DELETE", "/", "", 405, "expected the method GET, HEAD"),
        ("POST", "/healthz", "", 405, "expected the method GET, HEAD"),
        (
            "POST",
            PREDICT,
            "Accept: text/html\r\n",
            406,
            "Accept: expected application/json or text/csv",
        ),
        (
            "POST",
            PREDICT,
            "Content-Type: text/plain\r\n",
            415,
            "Content-Type: found \"text/plain\", expected application/json, text/csv, image/png or image/jpeg",
        ),
        (
            "POST",
            "/v1/models/kinds/predict?scale=2",
            "",
            400,
            "query: found \"scale=2\", expected scale=true, scale=false or nothing",
        ),
    ] {
        let answer = client.ask(method, path, headers, ROW.as_bytes());
        assert_eq!(
            (answer.status, &*answer.error()),
            (status, expected),
            "{method} {path} {headers}"
        );
        if status == 405 {
            let allowed = expected.trim_start_matches("expected the method ").to_ascii_lowercase();
            assert!(answer.head.contains(&format!("\r\nallow: {allowed}\r\n")), "{}", answer.head);
        }
    }
    let metrics = client.ask("GET", "/metrics", "", &[]).text();
    for line in [
        "gradus_requests_total{model=\"\",status=\"404\"} 2",
        "gradus_requests_total{model=\"kinds\",status=\"405\"} 2",
        "gradus_requests_total{model=\"kinds\",status=\"415\"} 1",
        "gradus_queue_rows 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    }
}

#[test]
fn models_are_described_by_their_columns() {
    let models = [("kinds", table_model(1)), ("pictures", picture_model())];
    let server = Server::new(&models, ServeLimits::default());
    let about = server.get("/v1/models").json();
    let kinds = &about["models"][0];
    let names: Vec<&Value> =
        kinds["columns"].as_array().unwrap().iter().map(|column| &column["name"]).collect();
    assert_eq!(names, ["size", "kind", "day"]);
    assert_eq!(kinds["columns"][1]["categories"], json!(["a", "b", "c"]));
    assert_eq!((&kinds["target"], &kinds["classes"]), (&json!("class"), &json!(["x", "y", "z"])));
    assert_eq!(server.get("/v1/models/kinds").json(), *kinds);
    assert_eq!(about["models"][1]["picture"], json!([4, 4, 1]));
    let description = server.get("/openapi.json").json();
    assert_eq!(description["openapi"], "3.1.0");
    let operation = &description["paths"][PREDICT]["post"];
    let rows =
        &operation["requestBody"]["content"]["application/json"]["schema"]["properties"]["rows"];
    let [by_name, in_order] = [0, 1].map(|i| &rows["items"]["anyOf"][i]);
    assert_eq!(by_name["required"], json!(["size", "kind", "day"]));
    assert_eq!(in_order["prefixItems"].as_array().unwrap().len(), 3);
    let answer = &operation["responses"]["200"]["content"]["application/json"]["schema"];
    let prediction = &answer["properties"]["predictions"]["items"]["properties"];
    assert_eq!(prediction["predicted"]["enum"], json!(["x", "y", "z"]));
    let of_pictures = &description["paths"]["/v1/models/pictures/predict"]["post"];
    assert!(of_pictures["requestBody"]["content"]["image/png"].is_object());
    assert_eq!(operation["requestBody"]["content"].get("image/png"), None);
}

#[test]
fn a_head_has_no_body_and_a_page_its_policy() {
    let server = Server::new(&[("kinds", table_model(1))], ServeLimits::default());
    let mut client = server.client();
    for (path, kind) in [
        ("/", "text/html;charset=utf-8"),
        ("/try.js", "text/javascript;charset=utf-8"),
        ("/try.css", "text/css;charset=utf-8"),
    ] {
        let answer = client.ask("GET", path, "", &[]);
        assert_eq!(answer.status, 200);
        assert!(answer.head.contains(&format!("\r\ncontent-type: {kind}\r\n")), "{}", answer.head);
        let policy = "\r\ncontent-security-policy: default-src 'self';";
        assert!(answer.head.contains(policy), "{}", answer.head);
    }
    let head = format!(
        "HEAD /healthz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        server.server.address()
    );
    let mut client = server.client();
    // The length is that of the body that is not sent.
    assert!(
        client
            .exchange(head.as_bytes())
            .is_err_and(|error| error.kind() == std::io::ErrorKind::UnexpectedEof)
    );
}

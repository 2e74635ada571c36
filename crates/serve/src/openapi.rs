//! What the server takes and answers, as an OpenAPI description; and its models for the page.

use data::columns::ColumnKind;
use data::{FittedColumn, FittedTarget};
use serde_json::{Map, Value, json};

use crate::model::ServedModel;

/// The OpenAPI 3.1 description of a server with some models.
pub(crate) fn description(models: &[impl AsRef<ServedModel>]) -> Value {
    let mut paths = Map::new();
    for model in models {
        let model = model.as_ref();
        let path = format!("/v1/models/{}/predict", model.name);
        paths.insert(path, json!({ "post": operation(model) }));
    }
    if let [only] = models {
        paths.insert("/v1/predict".to_owned(), json!({ "post": operation(only.as_ref()) }));
    }
    let open = |content_type: &str| {
        let content = json!({ content_type: { "schema": { "type": "string" } } });
        json!({ "get": { "security": [], "responses": { "200": { "description": "OK", "content": content } } } })
    };
    paths.insert("/healthz".to_owned(), open("text/plain"));
    for path in ["/metrics", "/v1/models"] {
        paths.insert(
            path.to_owned(),
            json!({ "get": { "responses": { "200": { "description": "OK" }, "401": error() } } }),
        );
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Gradus predictions", "version": env!("CARGO_PKG_VERSION") },
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": { "Error": {
                "type": "object", "required": ["error"], "properties": { "error": { "type": "string" } },
            } },
        },
        "security": [{ "token": [] }],
    })
}

/// The columns, target and classes of a model.
pub(crate) fn about(model: &ServedModel) -> Value {
    let transforms = model.transforms();
    let column = |column: &FittedColumn| {
        json!({
            "name": column.name, "kind": column.kind, "shape": column.shape, "categories": column.categories,
        })
    };
    json!({
        "name": model.name,
        "columns": transforms.columns().iter().map(column).collect::<Vec<_>>(),
        "picture": model.picture_shape(),
        "target": transforms.target().map(FittedTarget::column),
        "classes": model.text.classes(),
        "weights": model.weights,
    })
}

fn operation(model: &ServedModel) -> Value {
    let mut content = json!({
        "application/json": { "schema": body(model) },
        "text/csv": { "schema": { "type": "string", "description": csv_description(model) } },
    });
    if model.picture_shape().is_some() {
        for kind in ["image/png", "image/jpeg"] {
            content[kind] = json!({ "schema": {} });
        }
    }
    let mut responses = json!({
        "200": {
            "description": "A prediction for each row, in order",
            "content": {
                "application/json": { "schema": predictions(model) },
                "text/csv": { "schema": { "type": "string" } },
            },
        },
    });
    for status in ["400", "401", "403", "404", "405", "406", "408", "413", "415", "503"] {
        responses[status] = error();
    }
    json!({
        "operationId": format!("predict_{}", model.name),
        "summary": format!("Predictions of {}", model.name),
        "parameters": [{
            "name": "scale", "in": "query", "schema": { "type": "boolean", "default": false },
            "description": "Scale and cut pictures of another size",
        }],
        "requestBody": { "required": true, "content": content },
        "responses": responses,
    })
}

fn error() -> Value {
    let schema = json!({ "$ref": "#/components/schemas/Error" });
    json!({ "description": "What is wrong", "content": { "application/json": { "schema": schema } } })
}

fn csv_description(model: &ServedModel) -> String {
    let names: Vec<_> = model.transforms().columns().iter().map(|column| &*column.name).collect();
    format!("A table with the columns {}, and a header", names.join(", "))
}

fn body(model: &ServedModel) -> Value {
    let columns = model.transforms().columns();
    let cells: Map<_, _> =
        columns.iter().map(|column| (column.name.clone(), cell(column))).collect();
    let names: Vec<_> = columns.iter().map(|column| &*column.name).collect();
    let by_name = json!({ "type": "object", "required": names, "properties": cells });
    let in_order: Vec<_> = columns.iter().map(cell).collect();
    let in_order = match columns {
        [only] if only.kind == ColumnKind::Array => cell(only),
        _ => json!({ "type": "array", "prefixItems": in_order, "items": false }),
    };
    let list = |items: Value| json!({ "type": "array", "items": items });
    let rows = list(json!({ "anyOf": [by_name, in_order] }));
    let of_rows = json!({
        "type": "object", "required": ["rows"], "additionalProperties": false, "properties": { "rows": rows },
    });
    if model.picture_shape().is_none() {
        return of_rows;
    }
    let pictures = list(json!({ "type": "string", "contentEncoding": "base64" }));
    json!({ "oneOf": [of_rows, {
        "type": "object", "required": ["pictures"], "additionalProperties": false,
        "properties": { "pictures": pictures },
    }] })
}

fn cell(column: &FittedColumn) -> Value {
    match column.kind {
        ColumnKind::Array => json!({
            "type": "array", "description": format!("An array of shape {:?}, flat or nested", column.shape),
        }),
        ColumnKind::Category | ColumnKind::WholeCategory => json!({
            "type": ["string", "number", "null"], "examples": column.categories,
        }),
        ColumnKind::Date => json!({
            "type": ["string", "number", "null"],
            "description": "As in training, or the seconds since the beginning of 1970",
        }),
        _ => json!({ "type": ["number", "null"] }),
    }
}

fn predictions(model: &ServedModel) -> Value {
    let target = model.transforms().target();
    let prediction = match target {
        Some(FittedTarget::Classes { names, .. }) => {
            let number = json!({ "type": "number" });
            let scores: Map<_, _> =
                names.iter().map(|name| (name.clone(), number.clone())).collect();
            let scores = json!({ "type": "object", "properties": scores });
            json!({
                "type": "object", "required": ["predicted"],
                "properties": {
                    "predicted": { "enum": names },
                    "probability": number, "probabilities": scores, "score": number, "scores": scores,
                },
            })
        }
        _ => json!({
            "type": "object", "required": ["predicted"],
            "properties": { "predicted": { "type": ["number", "null", "array"] } },
        }),
    };
    json!({
        "type": "object", "required": ["model", "predictions"],
        "properties": {
            "model": { "const": model.name },
            "predictions": { "type": "array", "items": prediction },
            "warnings": { "type": "array", "items": { "type": "string" } },
        },
    })
}

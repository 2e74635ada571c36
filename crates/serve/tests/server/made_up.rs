//! Models with known predictions, a server with them, and a client.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use data::columns::TableOptions;
use data::readers::csv::CsvFile;
use data::{Dataset, Features, FittedTransforms, Targets, TransformPlan};
use gradus_serve::{
    BoundAddress, ModelPath, PORT, PredictionServer, ServeLimits, ServeOptions, Token,
};
use runs::{Experiment, SavedModel};
use serde_json::Value;

pub(crate) const TOKEN: &str = "0123456789abcdef";

/// What the models of tables are fitted to: six features.
const TABLE: &str = "size,kind,day,class\n\
    1.5,a,2024-01-02,x\n2.5,b,2024-01-04,y\n4,a,2024-01-06,z\n,c,2024-01-08,x\n9,b,2024-01-10,y\n";

fn saved(text: &str, transforms: FittedTransforms, seed: u64) -> SavedModel {
    let experiment = Experiment::parse("made-up.toml", text).unwrap();
    let (parameters, running_statistics) = (Vec::new(), Vec::new());
    let transforms = Arc::new(transforms);
    let mut saved = SavedModel { experiment, transforms, parameters, running_statistics };
    saved.parameters = saved.model().unwrap().initial_parameters(seed);
    saved
}

fn fitted(table: &str) -> FittedTransforms {
    let train = CsvFile::from_bytes("train.csv", table.as_bytes(), &TableOptions::default());
    TransformPlan::default().fit(&train.unwrap(), &|_| true).unwrap()
}

/// Three classes by a number that may be missing, a category and a date.
pub(crate) fn table_model(seed: u64) -> SavedModel {
    let fitted = fitted(TABLE);
    let width = fitted.width();
    let text = format!(
        "data.source = 'memory'\ntrain.steps = 1\nmodel = {{ input = [{width}], layers = [\
         {{ kind = 'linear', units = 33 }}, 'relu', {{ kind = 'linear', units = 3 }}] }}"
    );
    saved(&text, fitted, seed)
}

/// The sum of the standardised size and of 1 for kind `b`, in prices of 2000.5 ± 1000.
pub(crate) fn price_model() -> SavedModel {
    let text = "data.source = 'memory'\ntrain = { steps = 1, loss = 'mean_squared_error' }\n\
        model = { input = [3], layers = [{ kind = 'linear', units = 1 }] }";
    let mut saved = saved(text, fitted("size,kind,price\n1,a,1000.5\n3,b,3000.5\n"), 1);
    saved.parameters = vec![1.0, 0.0, 1.0, 0.0];
    saved
}

/// Three classes of pictures of 4 × 4 pixels.
pub(crate) fn picture_model() -> SavedModel {
    let text = "data.source = 'memory'\ntrain.steps = 1\nmodel = { input = [4, 4, 1], layers = [\
        { kind = 'conv2d', filters = 5, kernel = 3 }, 'relu', 'flatten', { kind = 'linear', units = 3 }] }";
    let targets = Targets::Labels { values: Vec::new(), classes: 3 };
    let none = Dataset::new("pictures", [4, 4, 1], Features::U8(Vec::new()), targets).unwrap();
    saved(text, FittedTransforms::of_dataset(&none).unwrap(), 1)
}

/// A server with models that are files of a folder.
pub(crate) struct Server {
    pub(crate) server: PredictionServer,
    pub(crate) folder: tempfile::TempDir,
    /// What the server reports.
    pub(crate) reports: mpsc::Receiver<String>,
}

/// The options of a server of some models, which are files of a folder.
pub(crate) fn options(
    folder: &Path,
    models: &[(&str, SavedModel)],
    limits: ServeLimits,
) -> (ServeOptions, mpsc::Receiver<String>) {
    let sources = models.iter().map(|(name, model)| {
        let path = folder.join(format!("{name}.safetensors"));
        model.write(&path).unwrap();
        ModelPath { name: (*name).to_owned(), path }
    });
    let (report, reports) = mpsc::channel();
    let options = ServeOptions {
        models: sources.collect(),
        read: Box::new(|path| SavedModel::read(path).map_err(|error| error.to_string())),
        token: Token::Given(TOKEN.to_owned()),
        allowed_hosts: vec!["models.example".to_owned()],
        limits,
        threads: 2,
        report: Box::new(move |what| drop(report.send(what))),
    };
    (options, reports)
}

impl Server {
    pub(crate) fn new(models: &[(&str, SavedModel)], limits: ServeLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (options, reports) = options(folder.path(), models, limits);
        let bound = BoundAddress::bind(Some("127.0.0.1:0"), PORT).unwrap();
        let server = PredictionServer::start(bound, options).unwrap();
        Self { server, folder, reports }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.safetensors"))
    }

    /// Replaces the file of a model, whole.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) {
        let part = self.folder.path().join("part");
        fs::write(&part, bytes).unwrap();
        fs::rename(part, self.file(name)).unwrap();
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.server.address())
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.client().ask("GET", path, "", &[])
    }

    /// Sends rows as JSON.
    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.client().ask("POST", path, "Content-Type: application/json\r\n", body.as_bytes())
    }
}

/// A connection that stays open.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In lower case, without the date: equal answers may be a second apart.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn error(&self) -> String {
        assert!(self.status >= 400, "{}", self.text());
        let json = self.json();
        assert_eq!(json.as_object().unwrap().len(), 1, "{json}");
        json["error"].as_str().unwrap().to_owned()
    }

    pub(crate) fn is_last(&self) -> bool {
        self.head.contains("\r\nconnection: close")
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self::connect(address).unwrap()
    }

    pub(crate) fn connect(address: SocketAddr) -> std::io::Result<Self> {
        TcpStream::connect(address).map(Self::of)
    }

    pub(crate) fn of(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let address = stream.peer_addr().unwrap();
        Self { stream: BufReader::new(stream), address }
    }

    /// Sends a request with the token, and reads its answer.
    pub(crate) fn ask(&mut self, method: &str, path: &str, more: &str, body: &[u8]) -> Answer {
        self.try_ask(method, path, more, body).unwrap()
    }

    pub(crate) fn try_ask(
        &mut self,
        method: &str,
        path: &str,
        more: &str,
        body: &[u8],
    ) -> std::io::Result<Answer> {
        let (host, length) = (self.address, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n{more}Content-Length: {length}\r\n\r\n"
        );
        self.exchange(&[head.as_bytes(), body].concat())
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
    }

    /// Sends some bytes, and reads an answer.
    pub(crate) fn exchange(&mut self, bytes: &[u8]) -> std::io::Result<Answer> {
        self.stream.get_mut().write_all(bytes)?;
        self.answer()
    }

    pub(crate) fn answer(&mut self) -> std::io::Result<Answer> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut head)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        let head = head.to_ascii_lowercase();
        let is_date = |line: &str| line.starts_with("date: ");
        let head: String = head.split_inclusive('\n').filter(|line| !is_date(line)).collect();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.unwrap_or("0").parse().unwrap()];
        self.stream.read_exact(&mut body)?;
        Ok(Answer { status, head, body })
    }
}

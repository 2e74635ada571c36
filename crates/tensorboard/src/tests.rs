//! A run that is trained and exported: both files say the same.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use data::{Dataset, Features, Targets};
use graph::Pool;
use prost::Message as _;
use runs::{Experiment, RunFolder, Split, StoppedRun};
use train::{Recorder, Trainer};

use crate::proto::{EventProto, HParamsPluginData, SummaryMetadata, ValueProto};
use crate::record::tests::messages;
use crate::{TensorBoard, export};

const EXPERIMENT: &str = "
    data = { source = 'memory', validation = 4 }
    model = { input = [3, 3, 1], layers = [{ kind = 'conv2d', filters = 2, kernel = 2 }, 'batch_norm',
        'relu', 'flatten', { kind = 'linear', units = 2 }] }
    train = { batch = 4, steps = 7, evaluate_every = 3, report_every = 2, checkpoint_every = 5, ema = { decay = 0.5 }, seed = 3 }
";

fn split() -> Split {
    let set = |count: usize| {
        let pixels = (0..count * 9).map(|i| (i * i * 31 % 256) as u8).collect();
        let targets =
            Targets::Labels { values: (0..count).map(|i| i as u32 % 2).collect(), classes: 2 };
        Dataset::new("toy", [3, 3, 1], Features::U8(pixels), targets).unwrap()
    };
    Split { train: set(24), test: set(6) }
}

fn experiment() -> Experiment {
    Experiment::parse("toy.toml", EXPERIMENT).unwrap()
}

fn export_run(run: &Path, directory: &Path) -> crate::ExportedRun {
    export(run, directory, |data| data.prepare(split())).unwrap()
}

/// The events of the files in a folder, in order of the files, without their times.
fn events(folder: &Path) -> Vec<EventProto> {
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let messages = files.iter().flat_map(|file| messages(&fs::read(file).unwrap()).0);
    let events = messages.map(|message| {
        let mut event = EventProto::decode(&message[..]).unwrap();
        assert!(event.wall_time > 1e9);
        event.wall_time = 0.0;
        event.summary.iter_mut().flat_map(|summary| &mut summary.value).for_each(without_time);
        event
    });
    events.collect()
}

fn without_time(value: &mut ValueProto) {
    let Some(SummaryMetadata { plugin_data: Some(plugin) }) = &mut value.metadata else { return };
    let mut data = HParamsPluginData::decode(&plugin.content[..]).unwrap();
    data.session_start_info.iter_mut().for_each(|start| start.start_time_secs = 0.0);
    data.session_end_info.iter_mut().for_each(|end| end.end_time_secs = 0.0);
    plugin.content = data.encode_to_vec();
}

/// Tags with the steps at which they have values.
fn steps(events: &[EventProto], tag: &str) -> Vec<i64> {
    let has_tag = |event: &&EventProto| {
        event.summary.iter().flat_map(|summary| &summary.value).any(|value| value.tag == tag)
    };
    events.iter().filter(has_tag).map(|event| event.step).collect()
}

#[test]
fn a_run_has_the_same_events_live_and_from_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let [run, live, later] = ["runs/toy", "live", "later"].map(|name| folder.path().join(name));
    let mut trainer = Trainer::new(experiment(), split(), Arc::new(Pool::new(1))).unwrap();
    let recorder = Recorder::new(RunFolder::create(&run, &trainer.saved().experiment).unwrap());
    let board = TensorBoard::create(&live, &run, false, |error, _| panic!("{error}")).unwrap();
    let mut recorder = recorder.with_log_observer(board);
    trainer.run(None, &mut [&mut recorder]);
    recorder.finish().unwrap();
    let exported = export_run(&run, &later);
    assert!(exported.lines.is_empty() && exported.samples.is_none());
    let events_live = events(&live.join("toy"));
    assert_eq!(events_live, events(&later.join("toy")));

    let all: Vec<i64> = (1..=7).collect();
    for (tag, expected) in [
        ("loss/train", &all[..]),
        ("accuracy/train", &[2, 4, 6]),
        ("optimizer/learning_rate", &all),
        ("optimizer/grad_norm", &all),
        ("optimizer/penalty", &all),
        ("time/epoch", &all),
        ("loss/validation", &[0, 3, 6, 7]),
        ("accuracy/test", &[0, 3, 6, 7]),
        ("time/train_secs", &[0, 2, 4, 6, 7]),
        ("all/weights", &[0, 2, 4, 6, 7]),
        ("values/1.conv2d.weight", &[0, 2, 4, 6, 7]),
        ("gradients/2.batch_norm.scale", &[2, 4, 6, 7]),
        ("updates/5.linear.bias", &[2, 4, 6]),
        ("filters/1.conv2d.weight", &[7]),
        ("time/wall_seconds", &[7]),
        ("_hparams_/session_start_info", &[0]),
        ("_hparams_/session_end_info", &[7]),
    ] {
        assert_eq!(steps(&events_live, tag), expected, "{tag}");
    }
    assert!(!steps(&events_live, "misclassified/test").is_empty());
    let values = events_live.iter().flat_map(|event| &event.summary).flat_map(|s| &s.value);
    let count = |tag: &str| {
        let histograms = values.clone().filter(|value| value.tag == tag);
        histograms.map(|value| value.histo.as_ref().unwrap().num).next().unwrap()
    };
    assert_eq!(count("values/5.linear.weight"), 16.0);
    assert_eq!(count("all/weights"), 24.0);
    // Of the biases and offsets.
    assert_eq!(count("all/biases"), 6.0);
}

#[test]
fn a_resumed_run_overrides_the_steps_after_its_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let [run, board] = ["toy", "board"].map(|name| folder.path().join(name));
    let mut trainer = Trainer::new(experiment(), split(), Arc::new(Pool::new(1))).unwrap();
    let recorder = Recorder::new(RunFolder::create(&run, &trainer.saved().experiment).unwrap());
    let create = |continues| {
        TensorBoard::create(&board, &run, continues, |error, _| panic!("{error}")).unwrap()
    };
    let mut recorder = recorder.with_log_observer(create(false));
    trainer.run(None, &mut [&mut recorder]);
    recorder.finish().unwrap();
    let stopped = StoppedRun::open(&run).unwrap();
    let state = stopped.state(Some(5)).unwrap();
    let mut trainer = Trainer::new(state.experiment(), split(), Arc::new(Pool::new(1))).unwrap();
    trainer.resume(state).unwrap();
    let recorder = Recorder::resume(stopped, &trainer).unwrap();
    let mut recorder = recorder.with_log_observer(create(true));
    trainer.run(None, &mut [&mut recorder]);
    recorder.finish().unwrap();

    let found = events(&board.join("toy"));
    let starts = found.iter().filter(|event| event.session_log.is_some());
    assert_eq!(starts.map(|event| event.step).collect::<Vec<_>>(), [0, 6]);
    assert_eq!(steps(&found, "loss/train"), [1, 2, 3, 4, 5, 6, 7, 6, 7]);
    export_run(&run, &folder.path().join("later"));
    let later = events(&folder.path().join("later/toy"));
    assert_eq!(steps(&later, "loss/train"), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(later.iter().filter(|event| event.session_log.is_some()).count(), 2);
}

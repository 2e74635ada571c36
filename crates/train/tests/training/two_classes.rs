//! Two classes by one output: training, evaluation, saved models and predictions agree on what it means.

use data::{Dataset, Features, Targets};
use runs::{Evaluator, Predictor, SavedModel};

use crate::made_up::{points, run, sgd, trainer};

const LABELS: [u32; 4] = [0, 0, 1, 1];

/// A network whose score is its input.
const IDENTITY: &str = "input = [1]\nweight_init = { kind = 'constant', value = 1 }\nlayers = [{ kind = 'linear', units = 1 }]";

fn scores() -> Dataset {
    let targets = Targets::Labels { values: LABELS.to_vec(), classes: 2 };
    Dataset::new("scores", [1], Features::F32(vec![-1.0, -1.0, 1.0, 1.0]), targets).unwrap()
}

#[test]
fn scores_of_one_on_the_right_sides_have_the_known_loss_and_accuracy_one() {
    for (loss, expected) in [("binary_cross_entropy", 0.313_262), ("hinge", 0.0)] {
        let train =
            format!("loss = '{loss}'\nbatch = 4\nsteps = 1\nreport_every = 1\n{}", sgd(0.1));
        let mut trainer = trainer(IDENTITY, &train, &scores());
        let evaluated = trainer.evaluate().test;
        assert!(evaluated.misclassified.is_empty());
        for metrics in [evaluated.metrics, trainer.step().unwrap().metrics] {
            assert!((metrics.loss() - expected).abs() < 5e-7, "{loss}: {}", metrics.loss());
            assert_eq!(metrics.get("accuracy"), Some(1.0), "{loss}");
        }
        let snapshot = trainer.snapshot();
        let labels: Vec<u32> = snapshot.batch.iter().map(|&i| LABELS[i as usize]).collect();
        assert_eq!(snapshot.predictions, labels, "{loss}");
    }
}

#[test]
fn a_saved_model_predicts_both_classes_with_their_probabilities() {
    let train = format!("loss = 'binary_cross_entropy'\nbatch = 20\nsteps = 400\n{}", sgd(1.0));
    let mut trainer =
        trainer("input = [2]\nlayers = [{ kind = 'linear', units = 1 }]", &train, &points(200));
    let (finished, _) = run(&mut trainer, None);
    assert!(finished.summary.test.get("accuracy") > Some(0.95), "{:?}", finished.summary);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.safetensors");
    trainer.saved().write(&file).unwrap();
    let (saved, test) = (SavedModel::read(&file).unwrap(), trainer.test_set());
    let evaluation = Evaluator::new(&saved.experiment, test).unwrap().evaluate(None, test, &saved);
    assert_eq!(evaluation.predictions.shape(), [200, 1]);
    assert_eq!(evaluation.metrics, finished.summary.test);
    assert_eq!(evaluation.classes().max(), Some(1));
    let prediction = saved.experiment.train.loss.prediction();
    let mut predictor = Predictor::new(saved, 1).unwrap();
    let Some(Features::F32(samples)) = test.features() else { unreachable!() };
    for (sample, class) in samples.chunks(2).zip(evaluation.classes()) {
        let [other, one] = *prediction.probabilities(predictor.predict(sample).unwrap()).unwrap()
        else {
            panic!("two classes have two probabilities");
        };
        assert!((other + one - 1.0).abs() < 1e-15);
        assert_eq!(usize::from(one > other), class);
    }
}

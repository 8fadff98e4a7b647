//! Checkpoints are those of transformers: their logits, their names, and the way back into a folder.

use prompt_core::FitContext;
use prompt_encoder::{Checkpoint, SavedAs};

use super::{FAMILIES, assert_same_again, data, expected, folder, logits, names, open, quick};
use crate::reference::{assert_close, list};

#[test]
fn logits_are_those_of_transformers_for_rows_of_any_length_in_one_batch() {
    for family in FAMILIES {
        let expected = expected(family);
        let outputs = Checkpoint::open(folder(family)).unwrap().config.head.labels.len();
        let model = open(&folder(family), outputs);
        let found = logits(&model, &expected["ids"]);
        for (found, expected) in found.iter().zip(expected["logits"].as_array().unwrap()) {
            println!("{family}: {found:?} {expected}");
            assert_close(found, &list(expected), 1e-4);
        }
    }
}

#[test]
fn every_family_learns_and_its_folder_says_the_same_again() {
    let (texts, y) = data();
    for family in FAMILIES {
        let fitted = quick().fit(folder(family), &texts, &y, &FitContext::new(3)).unwrap();
        let prediction = fitted.predict(&texts).unwrap();
        assert_eq!(prediction.labels().unwrap()[..2], ["calm", "attack"], "{family}: {:?}", fitted.history());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("saved");
        fitted.save(&path, SavedAs::F32).unwrap();
        // The fixtures were saved by transformers: the same names are names that it reads.
        if folder(family).join("model.safetensors").is_file() {
            assert_eq!(names(&path), names(&folder(family)), "{family}");
        }
        let again = open(&path, 2);
        assert_eq!(again.config.head.labels, ["attack", "calm"]);
        let (a, b) = (again.store.read_all().unwrap(), fitted.model.store.read_all().unwrap());
        assert!(a == b, "{family}: weights changed on their way through a folder");
        fitted.save(&path, SavedAs::F16).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

#[test]
fn modernbert_has_a_published_head_over_the_mean() {
    let (texts, y) = data();
    let params = quick().pooling("mean".into()).max_epochs(1);
    let fitted = params.fit(folder("modernbert"), &texts, &y, &FitContext::new(3)).unwrap();
    let path = assert_same_again(&fitted, &texts[..2]);
    assert_eq!(names(&path), names(&folder("modernbert")));
    assert_eq!(open(&path, 2).config.head.pooling.as_deref(), Some("mean"));
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[test]
fn what_cannot_be_fine_tuned_is_refused() {
    let (texts, y) = data();
    let ctx = FitContext::new(1);
    let error = quick().fit("no such folder", &texts, &y, &ctx).unwrap_err().to_string();
    assert!(error.contains("no such folder"), "{error}");
    assert!(quick().head("deep".into()).fit(folder("bert"), &texts, &y, &ctx).is_err());
    assert!(
        quick().device("wgpu".into()).fit(folder("bert"), &texts, &y, &ctx).is_err()
            || cfg!(feature = "wgpu")
    );
    let fitted = quick().max_epochs(1).fit(folder("bert"), &texts, &y, &ctx).unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("letter.txt"), "mine").unwrap();
    let error = fitted.save(dir.path(), SavedAs::F32).unwrap_err().to_string();
    assert!(error.contains("holds something else"), "{error}");
}

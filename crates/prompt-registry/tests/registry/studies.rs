use prompt_core::StudyStore;
use prompt_registry::Registry;
use serde_json::json;

#[test]
fn a_study_outlives_the_registry_and_keeps_its_order() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let registry = Registry::open(dir.path()).unwrap();
        let mut study = registry.study("one").unwrap();
        for i in 0..4 {
            study.append(&json!({ "round": round, "i": i, "text": "ü\n\"'" })).unwrap();
        }
        registry.study("other").unwrap().append(&json!(round)).unwrap();
    }
    let registry = Registry::open(dir.path()).unwrap();
    let events = registry.study("one").unwrap().events().unwrap();
    assert_eq!(events.len(), 12);
    assert_eq!(events[5], json!({ "round": 1, "i": 1, "text": "ü\n\"'" }));
    assert_eq!(registry.study("other").unwrap().events().unwrap(), [json!(0), json!(1), json!(2)]);
    assert!(registry.study(" ").is_err());
}

#[test]
fn the_second_of_two_writers_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (Registry::open(dir.path()).unwrap(), Registry::open(dir.path()).unwrap());
    let (mut ours, mut theirs) = (first.study("one").unwrap(), second.study("one").unwrap());
    ours.append(&json!(1)).unwrap();
    let error = theirs.append(&json!(2)).unwrap_err().to_string();
    assert!(error.contains("another process is at work on the study `one`"), "{error}");
    theirs.events().unwrap();
    theirs.append(&json!(2)).unwrap();
    assert_eq!(first.study("one").unwrap().events().unwrap(), [json!(1), json!(2)]);
}

//! Several heads over one encoder, each with what it learns.

use std::path::Path;

use prompt_core::{ClassWeight, Classes, FitContext, Target};

use super::{assert_same_again, data, folder, quick};
use crate::encoder::fine_tune::FineTune;
use crate::encoder::task::TaskSpec;
use crate::train::hold_out;

#[test]
fn several_tasks_have_a_head_each_over_one_encoder() {
    let (texts, intent) = data();
    let level = Target::ordinal([0, 1].repeat(12), Classes::new(["low", "high"]).unwrap()).unwrap();
    let score = Target::regression([10.0, 90.0].repeat(12)).unwrap();
    // One row in four is not known.
    let known = (0..24).map(|i| if i % 4 == 3 { 0.0 } else { 1.0 }).collect();
    let level = level.with_weights(known).unwrap();
    let tasks = [
        TaskSpec::new("intent", &intent),
        TaskSpec::new("complexity", &level).weight(0.5),
        TaskSpec::new("words", &score).weight(2.0).head("deep"),
    ];
    for (family, head, pooling) in [
        ("bert", "linear", "mean"),
        ("modernbert", "published", "attention"),
        ("roberta", "published", "cls"),
    ] {
        let params = quick().head(head.into()).pooling(pooling.into()).max_epochs(25).patience(25);
        let params = params.probe_epochs(2).class_weight(ClassWeight::Balanced);
        let fitted = params.fit_tasks(folder(family), &texts, &tasks, &FitContext::new(3)).unwrap();
        let names: Vec<&str> = fitted.heads().iter().map(|head| head.name.as_str()).collect();
        assert_eq!(names, ["intent", "complexity", "words"]);
        let answers = fitted.predict_heads(&texts[..2]).unwrap();
        assert_eq!(answers[0].labels().unwrap(), ["calm", "attack"], "{family}");
        assert_eq!(answers[1].labels().unwrap(), ["low", "high"], "{family}");
        let values = answers[2].values().unwrap();
        assert!(values[0] < 40.0 && values[1] > 60.0, "{family}: {values:?}");
        let path = assert_same_again(&fitted, &texts[..2]);
        // Learned on from there, by one head that it has not.
        let (texts, y) = data();
        let again = quick().max_epochs(1).fit(&path, &texts, &y, &FitContext::new(4)).unwrap();
        let on = assert_same_again(&again, &texts[..2]);
        let config = std::fs::read_to_string(on.join("config.json")).unwrap();
        assert!(!config.contains("prompt_heads"), "{config}");
        for path in [path, on] {
            std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
        }
    }
}

#[test]
fn tasks_that_do_not_fit_together_are_refused() {
    let (texts, y) = data();
    let refused = |params: FineTune, tasks: &[TaskSpec<'_>]| {
        params.fit_tasks(folder("bert"), &texts, tasks, &FitContext::new(3)).unwrap_err().to_string()
    };
    let task = |name: &str| TaskSpec::new(name, &y);
    assert!(refused(quick(), &[]).contains("nothing to learn"));
    assert!(refused(quick(), &[task("a"), task("a")]).contains("two tasks are called `a`"));
    assert!(refused(quick(), &[task("a").weight(0.0)]).contains("a number > 0"));
    assert!(refused(quick(), &[task("")]).contains("a name"));
    assert!(refused(quick(), &[task("a").head("tall")]).contains("linear"));
    assert!(refused(quick(), &[task("a"), task("b").head("deep")]).contains("the deep head"));
    let short = Target::labels(["calm", "attack"]);
    assert!(refused(quick(), &[task("a"), TaskSpec::new("b", &short)]).contains("rows of the target"));
    let table = ClassWeight::Explicit([("calm".to_owned(), 2.0)].into());
    let weighted = quick().class_weight(table.clone());
    assert!(refused(weighted, &[task("a"), task("b")]).contains("class_weight"));
    let fitted = quick().max_epochs(1).fit_tasks(
        folder("bert"),
        &texts,
        &[task("a").class_weight(table), task("b")],
        &FitContext::new(3),
    );
    assert!(fitted.is_ok());
}

#[test]
fn one_task_keeps_its_name_in_a_folder() {
    let (texts, y) = data();
    let level = Target::ordinal([0, 1].repeat(12), Classes::new(["low", "high"]).unwrap()).unwrap();
    let number = Target::regression([10.0, 90.0].repeat(12)).unwrap();
    let params = quick().max_epochs(1);
    let config = |path: &Path| std::fs::read_to_string(path.join("config.json")).unwrap();
    for (name, target, listed) in [
        ("complexity", &y, true),
        ("complexity", &level, true),
        ("words", &number, true),
        ("score", &y, true),
        ("class", &number, true),
        ("class", &y, false),
        ("score", &number, false),
    ] {
        let task = [TaskSpec::new(name, target)];
        let fitted = params.fit_tasks(folder("bert"), &texts, &task, &FitContext::new(3)).unwrap();
        assert_eq!(fitted.heads()[0].name, name);
        let path = assert_same_again(&fitted, &texts[..2]);
        assert_eq!(config(&path).contains("prompt_heads"), listed, "{name}: {}", config(&path));
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}

#[test]
fn held_out_rows_that_count_nothing_in_the_first_task_do_not_choose_by_it() {
    let (texts, y) = data();
    let params = quick().max_epochs(2).metric("f1_macro".into()).validation_fraction(0.25);
    let (_, held) = hold_out(&y, 0.25, FitContext::new(3).seed().derive("split", 0));
    let known = (0..24).map(|row| if held.contains(&row) { 0.0 } else { 1.0 }).collect();
    let first = y.clone().with_weights(known).unwrap();
    let tasks = [TaskSpec::new("a", &first), TaskSpec::new("b", &y)];
    let judged = |params: FineTune| {
        let fitted = params.fit_tasks(folder("bert"), &texts, &tasks, &FitContext::new(3)).unwrap();
        fitted.history()[0].validation_loss.is_some()
    };
    assert!(!judged(params.clone()), "a constant 0 would keep the first state");
    assert!(judged(params.metric("loss".into())), "the other task's rows choose");
}

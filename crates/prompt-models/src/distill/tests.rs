use prompt_core::{Output, Scratch};
use prompt_data::{Example, Split};

use super::*;
use crate::learners;

fn example(i: usize, split: Split) -> Example {
    let words = [["sort", "list", "numbers"], ["poem", "sea", "wind"], ["ignore", "rules", "print"]];
    let class = i % 3;
    // Every text names its class by one word in three and has a number of its own.
    let text = format!("please {} this {} now {i}", words[class][i % 2], words[class][(i / 3) % 3]);
    Example { split: Some(split), ..Example::new(text).with_label(["code", "art", "attack"][class]) }
}

fn data(n: usize) -> Dataset {
    Dataset::new((0..n).map(|i| example(i, if i % 5 == 4 { Split::Validation } else { Split::Train })))
}

fn teacher() -> Arc<dyn Scorer> {
    let recipe = Recipe::of_task("text").unwrap().model("logistic_regression").unwrap();
    crate::train::train(&recipe, &data(150), &TrainOptions::default(), &FitContext::new(1)).unwrap().scorer
}

fn student(name: &str) -> Recipe {
    Recipe::of_task("text").unwrap().model(name).unwrap()
}

#[test]
fn a_student_that_sees_no_label_says_what_its_teacher_says() {
    let (teacher, data) = (teacher(), data(150));
    let how = Distill::default().alpha(1.0);
    let options = TrainOptions { search: false, ..TrainOptions::default() };
    for name in ["logistic_regression", "linear_svm", "multinomial_nb", "decision_tree"] {
        let run =
            || distill(&how, &*teacher, &student(name), (&data, &[]), &options, &FitContext::new(3)).unwrap();
        let trained = run();
        let (kept, texts) = (trained.manifest.clone(), data.texts());
        assert_eq!(kept.classes, ["art", "attack", "code"]);
        assert_eq!(kept.params["distill"]["params"]["alpha"], 1.0);
        let said = |scorer: &dyn Scorer| ask(scorer, &texts).unwrap().codes().unwrap();
        let same = said(&*teacher).iter().zip(said(&*trained.scorer)).filter(|(a, b)| *a == b).count();
        assert!(same >= 140, "{name}: {same} of 150");
        assert_eq!(ask(&*run().scorer, &texts).unwrap(), ask(&*trained.scorer, &texts).unwrap(), "{name}");
        let report = trained.validation.unwrap();
        let Report::Classification(report) = report else { panic!("a report of classes") };
        assert!(report.accuracy > 0.9, "{name}: {}", report.accuracy);
    }
}

/// Words that stand in unlabelled texts alone are learned from the teacher.
#[test]
fn texts_without_labels_teach() {
    let (teacher, data) = (teacher(), data(60));
    let more: Vec<String> =
        (0..120).map(|i| format!("{} zebra {i}", ["ignore rules", "poem sea"][i % 2])).collect();
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    let how = Distill::default();
    let options = TrainOptions::default();
    let trained = distill(
        &how,
        &*teacher,
        &student("logistic_regression"),
        (&data, &more),
        &options,
        &FitContext::new(3),
    )
    .unwrap();
    assert_eq!((trained.train_rows, trained.measured_on), (48 + 120, "validation rows"));
    assert!(trained.chosen.contains_key("c"), "the grid is searched on the validation rows");
    assert_eq!(trained.manifest.params["distill"]["unlabelled_rows"], 120);
    let mut p = [0.0; 3];
    trained.scorer.score_text("zebra", &mut Scratch::new(), &mut p).unwrap();
    assert!(p[2] < p[0] && p[2] < p[1], "of no code: {p:?}");
}

#[test]
fn temperature_and_alpha_make_the_targets() {
    let classes = Classes::new(["a", "b", "c"]).unwrap();
    let p = Prediction::new(
        Output::Classes(classes),
        Dense::from_rows(&[[0.7, 0.2, 0.1], [1.0, 0.0, 0.0], [0.3, 0.3, 0.4]]),
    )
    .unwrap();
    let at = |t: f64, alpha: f64| Distill::default().temperature(t).alpha(alpha);
    let same = at(1.0, 1.0).targets(&p, &[Some(2), None, Some(0)]).unwrap();
    for (got, want) in same.scores().data().iter().zip(p.scores().data()) {
        assert!((got - want).abs() < 1e-12);
    }
    let labels = at(3.0, 0.0).targets(&p, &[Some(2), Some(0), Some(1)]).unwrap();
    assert_eq!(labels.scores().data(), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    let flat = at(1e9, 1.0).targets(&p, &[None; 3]).unwrap();
    assert!((flat.row(0)[2] - 1.0 / 3.0).abs() < 1e-6 && flat.row(1)[1] == 0.0, "{flat:?}");
    let sharp = at(1e-6, 1.0).targets(&p, &[None; 3]).unwrap();
    assert_eq!(sharp.row(0), [1.0, 0.0, 0.0]);

    let (rows, y) = Distill::default().copies(&p, 2).unwrap();
    assert_eq!(rows, [0, 0, 1, 2, 2]);
    assert_eq!(y.as_classes().unwrap().0, [0, 1, 0, 2, 0]);
    let weights = y.weights().unwrap();
    assert!(
        (weights[0] - 7.0 / 9.0).abs() < 1e-12 && (weights[3] - 4.0 / 7.0).abs() < 1e-12 && weights[2] == 1.0
    );
}

#[test]
fn bad_input_says_what_to_do() {
    let (teacher, good) = (teacher(), data(60));
    let ctx = FitContext::new(3);
    let error = |how: &Distill, recipe: &Recipe, data: &Dataset, options: &TrainOptions| {
        distill(how, &*teacher, recipe, (data, &[]), options, &ctx).err().unwrap().to_string()
    };
    let (how, options, logistic) =
        (Distill::default(), TrainOptions::default(), student("logistic_regression"));
    assert!(error(&how.clone().temperature(0.0), &logistic, &good, &options).contains("`temperature`"));
    assert!(error(&how.clone().alpha(1.5), &logistic, &good, &options).contains("`alpha`"));
    let foreign = Dataset::new([Example::new("a").with_label("other"), Example::new("b").with_label("art")]);
    assert!(
        error(&how, &logistic, &foreign, &options)
            .contains("unknown label `other`; known: art, attack, code")
    );
    let balanced = TrainOptions { balance: Balance::Over, ..TrainOptions::default() };
    assert!(error(&how, &logistic, &good, &balanced).contains("balanced classes"));
    let unweighted = learners::names(Task::Classification)
        .into_iter()
        .find(|name| !learners::estimator(Task::Classification, name).unwrap().tags().weights)
        .unwrap();
    assert!(error(&how, &student(unweighted), &good, &options).contains("honours sample weights"));
    let none = Dataset::new([]);
    assert!(distill(&how, &*teacher, &logistic, (&none, &[]), &options, &ctx).is_err());

    let numbers = Recipe::of_task("text").unwrap().numbers().unwrap();
    let rows = (0..30)
        .map(|i| Example { target: Some(f64::from(i)), ..Example::new(format!("word{} here", i % 4)) });
    let regressor = crate::train::train(&numbers, &Dataset::new(rows), &options, &ctx).unwrap().scorer;
    let found =
        distill(&how, &*regressor, &logistic, (&good, &[]), &options, &ctx).err().unwrap().to_string();
    assert!(found.contains("a teacher of numbers"), "{found}");

    let classes = Output::Classes(Classes::new(["a", "b"]).unwrap());
    let p = Prediction::new(classes.clone(), Dense::from_rows(&[[0.5, 0.5]])).unwrap();
    assert!(how.targets(&p, &[]).is_err());
    assert!(how.targets(&p, &[Some(2)]).unwrap_err().to_string().contains("class number 2 of 2"));
    for row in [[f64::NAN, 1.0], [0.0, 0.0], [-0.1, 1.1]] {
        let p = Prediction::new(classes.clone(), Dense::from_rows(&[row])).unwrap();
        assert!(how.targets(&p, &[None]).unwrap_err().to_string().contains("row 0"));
    }
}

use super::*;

fn read(text: &str) -> Result<EncoderConfig> {
    EncoderConfig::from_json(text, "config.json")
}

fn message(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

#[test]
fn an_unknown_architecture_names_the_known_ones() {
    let message = message(r#"{"model_type": "gpt2"}"#);
    for family in Family::ALL {
        assert!(message.contains(family.model_type()), "{message}");
    }
    assert!(message.contains("`gpt2`"), "{message}");
}

#[test]
fn sizes_that_do_not_fit_are_refused_by_name() {
    let base = |extra: &str| {
        format!(
            r#"{{"model_type": "bert", "vocab_size": 100, "hidden_size": 16, "num_hidden_layers": 2,
            "num_attention_heads": 3, "intermediate_size": 32 {extra}}}"#
        )
    };
    assert!(message(&base("")).contains("3 attention heads do not divide hidden_size 16"));
    assert!(message(r#"{"model_type": "bert"}"#).contains("`hidden_size` is missing"));
    let huge = r#"{"model_type": "bert", "hidden_size": 99999999999999}"#;
    assert!(message(huge).contains("`hidden_size` must be a whole number"));
    assert!(message("[1]").contains("not an object"));
    assert!(message("{").contains("line 1"));
}

#[test]
fn a_multi_task_configuration_without_sizes_stands_on_deberta_v3_base() {
    let config = read(
        r#"{"target_sizes": {"task_type": 2, "reasoning": 2}, "task_type_map": {"1": "QA", "0": "Code"},
        "weights_map": {"reasoning": [0, 1]}, "divisor_map": {"reasoning": 1}}"#,
    )
    .unwrap();
    assert_eq!((config.family, config.hidden_size, config.layers), (Family::DebertaV2, 768, 12));
    let tasks = config.head.tasks.unwrap();
    assert_eq!(tasks.task_types, ["Code", "QA"]);
    assert_eq!(tasks.heads[1].weights.as_deref(), Some([0.0, 1.0].as_slice()));
    let message = message(r#"{"target_sizes": {"reasoning": 2}, "weights_map": {"reasoning": [0]}}"#);
    assert!(message.contains("`weights_map.reasoning` must hold 2 numbers"), "{message}");
}

#[test]
fn roberta_loses_the_positions_below_its_first() {
    let config = read(
        r#"{"model_type": "roberta", "vocab_size": 100, "hidden_size": 16, "num_hidden_layers": 2,
        "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 514}"#,
    )
    .unwrap();
    assert_eq!(config.max_tokens(), 512);
}

#[test]
fn what_a_file_leaves_out_is_what_transformers_takes() {
    let sizes = r#""vocab_size": 100, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32"#;
    for family in ["bert", "roberta", "xlm-roberta", "albert"] {
        let config = read(&format!(r#"{{"model_type": "{family}", {sizes}}}"#)).unwrap();
        assert_eq!(config.layer_norm_eps, 1e-12, "{family}");
    }
    let terms = |extra: &str| {
        let config = read(&format!(r#"{{"model_type": "deberta-v2", {sizes} {extra}}}"#)).unwrap();
        let Details::Deberta(details) = config.details else { panic!("{config:?}") };
        (details.score_terms, details.c2p)
    };
    assert_eq!(terms(""), (1, false));
    assert_eq!(terms(r#", "pos_att_type": "p2c|c2p""#), (3, false), "scores are scaled by what is named");
    assert_eq!(terms(r#", "pos_att_type": ["c2p"], "relative_attention": true"#), (2, true));
}

#[test]
fn rotary_positions_are_those_of_the_file_or_refused() {
    let modern = |extra: &str| {
        read(&format!(
            r#"{{"model_type": "modernbert", "vocab_size": 100, "hidden_size": 16, "num_hidden_layers": 2,
            "num_attention_heads": 2, "intermediate_size": 32 {extra}}}"#
        ))
    };
    let thetas = |extra: &str| {
        let Details::ModernBert(details) = modern(extra).unwrap().details else { panic!("another family") };
        (details.global_theta, details.local_theta)
    };
    assert_eq!(thetas(""), (160_000.0, 10_000.0));
    assert_eq!(thetas(r#", "global_rope_theta": 5000, "local_rope_theta": null"#), (5000.0, 5000.0));
    let named = r#", "rope_parameters": {"sliding_attention": {"rope_type": "default", "rope_theta": 7.0}}"#;
    assert_eq!(thetas(named), (160_000.0, 7.0));
    for other in [
        r#", "rope_parameters": {"full_attention": {"rope_type": "yarn", "rope_theta": 7.0}}"#,
        r#", "rope_scaling": {"rope_type": "linear", "factor": 2}"#,
    ] {
        let message = modern(other).unwrap_err().to_string();
        assert!(message.contains("rotary positions of type"), "{message}");
    }
}

/// The configuration of a tiny BERT with further keys.
fn tiny(extra: &str) -> String {
    format!(
        r#"{{"model_type": "bert", "vocab_size": 100, "hidden_size": 16, "num_hidden_layers": 2,
        "num_attention_heads": 2, "intermediate_size": 32, {extra}}}"#
    )
}

#[test]
fn heads_of_our_own_say_what_they_answer() {
    let heads = |extra: &str| read(&tiny(extra)).unwrap().head.prompt_heads;
    let one = heads(
        r#""problem_type": "single_label_classification", "id2label": {"0": "low", "1": "high"},
        "prompt_head": {"kind": "linear", "pooling": "attention", "ordinal": true}"#,
    );
    assert_eq!((one[0].name.as_str(), one[0].prefix.as_str()), ("class", "prompt_head."));
    assert_eq!((one[0].kind.name(), one[0].pooling.name()), ("linear", "attention"));
    assert_eq!(one[0].answer, HeadAnswer::Levels(vec!["low".into(), "high".into()]));
    let number = heads(
        r#""problem_type": "regression", "id2label": {"0": "score"}, "prompt_head": {"kind": "deep", "pooling": "cls"},
        "prompt_scale": {"mean": 50, "deviation": 2.5}"#,
    );
    assert_eq!(number[0].answer, HeadAnswer::Number { mean: 50.0, deviation: 2.5 });
    let several = heads(
        r#""prompt_heads": [
            {"name": "intent", "kind": "linear", "pooling": "mean", "labels": ["a", "b", "c"]},
            {"name": "score", "kind": "deep", "pooling": "mean", "scale": {"mean": 1, "deviation": 2}}]"#,
    );
    assert_eq!((several[1].name.as_str(), several[1].prefix.as_str()), ("score", "prompt_heads.1."));
    assert_eq!(several.iter().map(|head| head.answer.scores()).collect::<Vec<_>>(), [3, 1]);
    assert!(heads(r#""problem_type": "regression""#).is_empty());
}

#[test]
fn heads_that_contradict_themselves_are_refused() {
    let one = r#""prompt_head": {"kind": "linear", "pooling": "mean"}"#;
    let in_list = |heads: &str| format!(r#""prompt_heads": {heads}"#);
    let named = |more: &str| format!(r#"{{"name": "a", "kind": "linear", "pooling": "mean"{more}}}"#);
    let a = named(r#", "labels": ["x", "y"]"#);
    for (extra, wanted) in [
        (format!(r#"{one}, "prompt_heads": []"#), "both `prompt_head` and `prompt_heads`"),
        (one.to_owned(), "`prompt_head` needs `problem_type`"),
        (format!(r#"{one}, "problem_type": "multi_label_classification""#), "needs `problem_type`"),
        (
            format!(r#"{one}, "problem_type": "regression", "prompt_scale": {{"mean": 1, "deviation": 0}}"#),
            "`deviation` > 0",
        ),
        (in_list("[]"), "names no head"),
        (in_list("{}"), "must be a list"),
        (in_list("[3]"), "`prompt_heads[0]` must be an object, got 3"),
        (in_list(&format!("[{}]", named(""))), "`prompt_heads[0]` must have `labels`"),
        (in_list(&format!("[{}]", named(r#", "labels": ["x"], "ordinal": true"#))), "2 to"),
        (in_list(&format!("[{}]", named(r#", "labels": [1]"#))), "must be a list of names"),
        (in_list(&format!("[{}]", named(r#", "labels": ["x", "y"], "ordinal": 1"#))), "true or false"),
        (in_list(r#"[{"kind": "linear", "pooling": "mean", "labels": ["x"]}]"#), "`prompt_heads[0].name`"),
        (in_list(&format!("[{a}, {a}]")), "two of `prompt_heads` are called `a`"),
        (in_list(&format!("[{a}, {}]", a.replace("mean", "max").replace("\"a\"", "\"b\""))), "one pooling"),
    ] {
        let message = message(&tiny(&extra));
        assert!(message.contains(wanted), "{extra}: {message}");
    }
}

#[test]
fn a_head_that_is_not_known_is_refused_with_what_is() {
    let problem = r#""problem_type": "single_label_classification""#;
    let message = |head: &str| message(&tiny(&format!(r#"{problem}, "prompt_head": {head}"#)));
    for (head, wanted) in [
        (
            r#"{"kind": "tall", "pooling": "mean"}"#,
            "`prompt_head.kind` must be one of published, linear, deep",
        ),
        (r#"{"kind": "linear"}"#, "`prompt_head.pooling` must be one of cls, mean, max"),
        (
            r#"{"kind": "linear", "pooling": "mean", "layers": 2}"#,
            "`prompt_head.layers` is unknown; known: kind",
        ),
        ("7", "`prompt_head` must be an object, got 7"),
    ] {
        let message = message(head);
        assert!(message.contains(wanted), "{message}");
    }
}

#[test]
fn surface_features_stand_beside_heads_that_read_them_or_are_refused() {
    let head = |kind: &str| {
        format!(
            r#""problem_type": "single_label_classification", "prompt_head": {{"kind": "{kind}", "pooling": "mean"}}"#
        )
    };
    let surface = |features: &str, mean: &str, deviation: &str| {
        format!(r#""prompt_surface": {{"features": {features}, "mean": {mean}, "deviation": {deviation}}}"#)
    };
    let two = r#"["word_count", "has_numbers"]"#;
    let good = surface(two, "[1.5, 0]", "[0.5, 0]");
    let config = read(&tiny(&format!("{}, {good}", head("linear")))).unwrap();
    let features = config.head.surface.unwrap();
    assert_eq!(features.names().collect::<Vec<_>>(), ["word_count", "has_numbers"]);
    assert_eq!(features.row("7"), [((2f64.ln() - 1.5) / 0.5) as f32, 0.0]);

    for (extra, wanted) in [
        (good.clone(), "only for heads of the kind linear or deep"),
        (format!("{}, {good}", head("published")), "only for heads of the kind linear or deep"),
        (format!(r#"{}, "prompt_surface": 7"#, head("linear")), "must be an object, got 7"),
        (
            format!("{}, {}", head("linear"), good.replace("\"mean\": [1.5", "\"scale\": [1.5")),
            "`prompt_surface.scale` is unknown; known: features, mean, deviation",
        ),
    ] {
        let message = message(&tiny(&extra));
        assert!(message.contains(wanted), "{extra}: {message}");
    }
    for (surface, wanted) in [
        (surface("[]", "[]", "[]"), "names no feature"),
        (surface("[\"vowels\"]", "[1]", "[1]"), "names \"vowels\"; known: word_count"),
        (surface(r#"["word_count", "word_count"]"#, "[1, 1]", "[1, 1]"), "names \"word_count\" twice"),
        (
            surface(two, "[1]", "[1, 1]"),
            "`prompt_surface.mean` must hold a number for each of 2 features, got 1",
        ),
        (surface(two, "[1, 1]", "[1, 1, 1]"), "`prompt_surface.deviation` must hold a number for each of 2"),
        (surface(two, "[1, null]", "[1, 1]"), "`prompt_surface.mean` must hold finite numbers, got null"),
        (surface(two, "[1, \"NaN\"]", "[1, 1]"), "must hold finite numbers, got \"NaN\""),
        (
            surface(two, "[1, 1]", "[1, -1]"),
            "`prompt_surface.deviation` of \"has_numbers\" must be at least 0",
        ),
        (surface(two, "3", "[1, 1]"), "`prompt_surface.mean` must be a list, got 3"),
    ] {
        let message = message(&tiny(&format!("{}, {surface}", head("linear"))));
        assert!(message.contains(wanted), "{surface}: {message}");
    }
    // Python writes NaN as a word that JSON does not know.
    let word = surface(two, "[NaN, 1]", "[1, 1]");
    assert!(message(&tiny(&format!("{}, {word}", head("linear")))).contains("not JSON"));
}

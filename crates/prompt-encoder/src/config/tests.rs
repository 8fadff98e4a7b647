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

#[test]
fn a_head_that_is_not_known_is_refused_with_what_is() {
    let message = |head: &str| {
        message(&format!(
            r#"{{"model_type": "bert", "vocab_size": 100, "hidden_size": 16, "num_hidden_layers": 2,
            "num_attention_heads": 2, "intermediate_size": 32, "problem_type": "single_label_classification",
            "prompt_head": {head}}}"#
        ))
    };
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

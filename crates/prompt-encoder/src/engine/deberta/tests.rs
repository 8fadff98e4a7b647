use super::*;
use crate::config::{Details, EncoderConfig};

#[test]
fn buckets_are_the_published_ones() {
    let text = include_str!("../../../tests/reference/deberta-v3/buckets.json");
    let expected: serde_json::Value = serde_json::from_str(text).unwrap();
    let config = r#"{"model_type": "deberta-v2", "vocab_size": 9, "hidden_size": 4, "num_hidden_layers": 1,
        "num_attention_heads": 1, "intermediate_size": 4, "relative_attention": true, "position_buckets": 256,
        "max_position_embeddings": 512, "pos_att_type": "c2p|p2c"}"#;
    let Details::Deberta(details) = EncoderConfig::from_json(config, "config.json").unwrap().details else {
        panic!("DeBERTa has its details");
    };
    let from = expected["from"].as_i64().unwrap();
    for (i, want) in expected["bucket"].as_array().unwrap().iter().enumerate() {
        let distance = from + i as i64;
        assert_eq!(log_bucket(distance, &details), want.as_i64().unwrap(), "distance {distance}");
    }
    assert_eq!((bucket(-9999, &details), bucket(9999, &details)), (0, 511));
}

#[test]
fn a_batch_reaches_every_bucket_of_its_distances_even_where_they_do_not_rise() {
    for (buckets, most) in [(256, 512), (256, 64), (32, 12), (0, 40)] {
        let config = format!(
            r#"{{"model_type": "deberta-v2", "vocab_size": 9, "hidden_size": 4, "num_hidden_layers": 1,
            "num_attention_heads": 1, "intermediate_size": 4, "relative_attention": true, "position_buckets": {buckets},
            "max_relative_positions": {most}, "max_position_embeddings": 512, "pos_att_type": "c2p|p2c"}}"#
        );
        let Details::Deberta(details) = EncoderConfig::from_json(&config, "config.json").unwrap().details
        else {
            panic!("DeBERTa has its details");
        };
        for longest in [1, 2, 30, 130, 400] {
            let reach = Reach::new(longest, &details, |rows| rows);
            let asked = (1 - longest as i64..longest as i64).rev().map(|d| bucket(d, &details));
            assert!(
                asked.eq(reach.buckets.iter().map(|b| b + reach.rows.start)),
                "{buckets} {most} {longest}"
            );
            assert!(reach.buckets.iter().all(|&b| b < reach.rows.len()), "{buckets} {most} {longest}");
        }
    }
}

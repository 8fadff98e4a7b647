//! From predictions to numbers with intervals: classification, calibration, security score, curves, plots.

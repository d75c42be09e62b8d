"""The record of adaptive limiting; no policy is kept yet."""

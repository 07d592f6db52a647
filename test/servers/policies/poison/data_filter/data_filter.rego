package data_filter

import rego.v1

default allow := true

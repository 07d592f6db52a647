//go:build sources

// Keeps the modules in go.mod whose sources are read; nothing of them is compiled.
package main

import (
	_ "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	_ "k8s.io/api/apps/v1"
	_ "k8s.io/api/autoscaling/v2"
	_ "k8s.io/api/batch/v1"
	_ "k8s.io/api/core/v1"
	_ "k8s.io/api/networking/v1"
	_ "k8s.io/api/policy/v1"
)

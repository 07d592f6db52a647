// Prints the schemas of kinds as Kubernetes and KEDA declare them in Go: an object whose keys are like apps/v1.Deployment.
package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/packages"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-tools/pkg/crd"
	"sigs.k8s.io/controller-tools/pkg/loader"
	"sigs.k8s.io/controller-tools/pkg/markers"
)

var kinds = map[string]struct {
	path  string
	names []string
}{
	"v1":                   {"k8s.io/api/core/v1", []string{"ConfigMap", "Namespace", "PersistentVolumeClaim", "Secret", "Service", "ServiceAccount"}},
	"apps/v1":              {"k8s.io/api/apps/v1", []string{"DaemonSet", "Deployment", "StatefulSet"}},
	"batch/v1":             {"k8s.io/api/batch/v1", []string{"CronJob", "Job"}},
	"autoscaling/v2":       {"k8s.io/api/autoscaling/v2", []string{"HorizontalPodAutoscaler"}},
	"networking.k8s.io/v1": {"k8s.io/api/networking/v1", []string{"NetworkPolicy"}},
	"policy/v1":            {"k8s.io/api/policy/v1", []string{"PodDisruptionBudget"}},
	"keda.sh/v1alpha1":     {"github.com/kedacore/keda/v2/apis/keda/v1alpha1", []string{"ScaledObject", "TriggerAuthentication"}},
}

// Kubernetes marks string types whose constants are all the values there are; controller-tools does not know the marker.
var enum = markers.Must(markers.MakeDefinition("enum", markers.DescribesType, struct{}{}))

func main() {
	generator := crd.Generator{}
	registry := &markers.Registry{}
	must(generator.RegisterMarkers(registry))
	must(registry.Register(enum))

	paths := []string{}
	for _, kind := range kinds {
		paths = append(paths, kind.path)
	}
	roots, err := loader.LoadRoots(paths...)
	must(err)
	parser := &crd.Parser{
		Collector:                  &markers.Collector{Registry: registry},
		Checker:                    &loader.TypeChecker{NodeFilters: []loader.NodeFilter{generator.CheckFilter()}},
		AllowDangerousTypes:        true,
		GenerateEmbeddedObjectMeta: true,
	}
	crd.AddKnownTypes(parser)
	byPath := map[string]*loader.Package{}
	for _, root := range roots {
		parser.NeedPackage(root)
		byPath[root.PkgPath] = root
	}
	limitEnums(parser)

	schemas := map[string]apiextensions.JSONSchemaProps{}
	for version, kind := range kinds {
		for _, name := range kind.names {
			ident := crd.TypeIdent{Package: byPath[kind.path], Name: name}
			parser.NeedFlattenedSchemaFor(ident)
			schemas[version+"."+name] = parser.FlattenedSchemata[ident]
		}
	}
	if loader.PrintErrors(roots, packages.TypeError) { // Only what schemas need is type-checked.
		os.Exit(1)
	}
	must(json.NewEncoder(os.Stdout).Encode(schemas))
}

func limitEnums(parser *crd.Parser) {
	marked := []crd.TypeIdent{}
	for ident, info := range maps.All(parser.Types) {
		if info.Markers.Get("enum") != nil {
			marked = append(marked, ident)
		}
	}
	for _, ident := range marked {
		values := constants(ident)
		if len(values) == 0 { // An old name of another enum.
			continue
		}
		parser.NeedSchemaFor(ident)
		schema := parser.Schemata[ident]
		schema.Enum = values
		parser.Schemata[ident] = schema
	}
}

func constants(ident crd.TypeIdent) []apiextensions.JSON {
	ident.Package.NeedSyntax()
	values := []string{}
	for _, file := range ident.Package.Syntax {
		for _, declaration := range file.Decls {
			group, isGroup := declaration.(*ast.GenDecl)
			if !isGroup || group.Tok != token.CONST {
				continue
			}
			for _, spec := range group.Specs {
				constant := spec.(*ast.ValueSpec)
				if of, named := constant.Type.(*ast.Ident); !named || of.Name != ident.Name {
					continue
				}
				for _, value := range constant.Values {
					text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
					must(err)
					values = append(values, text)
				}
			}
		}
	}
	slices.Sort(values)
	literals := []apiextensions.JSON{}
	for _, value := range slices.Compact(values) {
		literals = append(literals, apiextensions.JSON{Raw: []byte(strconv.Quote(value))})
	}
	return literals
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, strings.TrimSpace(err.Error()))
		os.Exit(1)
	}
}

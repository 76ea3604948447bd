package main

import (
	"encoding/json"
	"net"
	"net/http"

	"github.com/spf13/cobra"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// As Prometheus reads it: https://prometheus.io/docs/prometheus/latest/http_sd/
type targetGroup struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// Debian's Prometheus was built without the discovery of pods. This tells it which ones ask to be scraped, by the
// usual annotations prometheus.io/scrape, /port and /path.
func servePodTargets(_ *cobra.Command, args []string) error {
	configuration, err := clientcmd.BuildConfigFromFlags("", args[1])
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(configuration)
	if err != nil {
		return err
	}
	return http.ListenAndServe(args[0], http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		pods, err := client.CoreV1().Pods("").List(request.Context(), meta.ListOptions{ResourceVersion: "0"})
		if err != nil {
			http.Error(answer, err.Error(), http.StatusBadGateway)
			return
		}
		groups := []targetGroup{}
		for _, pod := range pods.Items {
			if pod.Annotations["prometheus.io/scrape"] == "true" && pod.Status.Phase == core.PodRunning {
				groups = append(groups, targetsOf(pod))
			}
		}
		answer.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(answer).Encode(groups)
	}))
}

func targetsOf(pod core.Pod) targetGroup {
	labels := map[string]string{"namespace": pod.Namespace, "pod": pod.Name}
	if app, found := pod.Labels["app"]; found {
		labels["app"] = app
	}
	if path, found := pod.Annotations["prometheus.io/path"]; found {
		labels["__metrics_path__"] = path
	}
	return targetGroup{
		Targets: []string{net.JoinHostPort(pod.Status.PodIP, pod.Annotations["prometheus.io/port"])},
		Labels:  labels,
	}
}

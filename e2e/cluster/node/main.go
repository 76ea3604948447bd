// One binary that is every part of the cluster that has a Go API to start it by; its name says which one it is.
// Together they share one runtime and their libraries: a third of the size and of the time to build of six binaries.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/embed"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

var parts = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": controllermanager.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kube-proxy":              proxy.NewProxyCommand,
	"kubelet":                 func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
	"etcd": func() *cobra.Command {
		return &cobra.Command{Use: "etcd CONFIGURATION", Args: cobra.ExactArgs(1), RunE: etcd}
	},
	"registry": func() *cobra.Command {
		return &cobra.Command{Use: "registry ADDRESS FOLDER", Args: cobra.ExactArgs(2), RunE: serveRegistry}
	},
	"pod-targets": func() *cobra.Command {
		return &cobra.Command{Use: "pod-targets ADDRESS KUBECONFIG", Args: cobra.ExactArgs(2), RunE: servePodTargets}
	},
}

func etcd(_ *cobra.Command, args []string) error {
	configuration, err := embed.ConfigFromFile(args[0])
	if err != nil {
		return err
	}
	server, err := embed.StartEtcd(configuration)
	if err != nil {
		return err
	}
	stop := genericapiserver.SetupSignalContext()
	select {
	case err := <-server.Err():
		return err
	case <-stop.Done():
		server.Close()
		return nil
	}
}

// The registry keeps blobs in the folder and manifests in memory: whoever restarts it pushes again.
func serveRegistry(_ *cobra.Command, args []string) error {
	handler := registry.New(
		registry.WithBlobHandler(registry.NewDiskBlobHandler(args[1])),
		registry.WithReferrersSupport(true),
		registry.Logger(log.New(os.Stderr, "", log.LstdFlags)),
	)
	return http.ListenAndServe(args[0], handler)
}

func main() {
	name := filepath.Base(os.Args[0])
	if name == "coredns" {
		serveNames()
		return
	}
	command, known := parts[name]
	if !known {
		fmt.Fprintf(os.Stderr, "%s: start it by the name of a part, through a link: kube-apiserver, kubelet, …\n", name)
		os.Exit(2)
	}
	os.Exit(cli.Run(command()))
}

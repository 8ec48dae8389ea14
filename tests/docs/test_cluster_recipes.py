"""examples/cluster: a shell script without a finding, manifests by their schemas, sweep files that can be read."""

import copy
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from search.spec_file import load_spec

ROOT = Path(__file__).parents[2]
CLUSTER = ROOT / "examples" / "cluster"

TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
COUNT = {"type": "integer", "minimum": 0}


def fields(required=(), **properties):
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


GROUP = {"rayStartParams": TEXTS, "template": {"type": "object", "required": ["spec"]}}
RAY_JOB = fields(
    ("apiVersion", "kind", "metadata", "spec"),
    apiVersion={"const": "ray.io/v1"},
    kind={"const": "RayJob"},
    metadata={"type": "object", "required": ["name"]},
    spec=fields(
        ("entrypoint", "rayClusterSpec"),
        entrypoint={"type": "string", "minLength": 1},
        submissionMode={"enum": ["K8sJobMode", "HTTPMode", "InteractiveMode"]},
        backoffLimit=COUNT,
        activeDeadlineSeconds={"type": "integer", "minimum": 1},
        shutdownAfterJobFinishes={"type": "boolean"},
        ttlSecondsAfterFinished=COUNT,
        suspend={"type": "boolean"},
        runtimeEnvYAML={"type": "string"},
        metadata=TEXTS,
        entrypointNumCpus={"type": "number", "minimum": 0},
        rayClusterSpec=fields(
            ("headGroupSpec",),
            rayVersion={"type": "string"},
            enableInTreeAutoscaling={"type": "boolean"},
            headGroupSpec=fields(("rayStartParams", "template"), serviceType={"type": "string"}, **GROUP),
            workerGroupSpecs={
                "type": "array",
                "items": fields(
                    ("groupName", "minReplicas", "maxReplicas", "rayStartParams", "template"),
                    groupName={"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"},
                    replicas=COUNT,
                    minReplicas=COUNT,
                    maxReplicas=COUNT,
                    numOfHosts=COUNT,
                    **GROUP,
                ),
            },
        ),
    ),
)
"""What KubeRay's types of ``ray.io/v1`` (ray-operator/apis/ray/v1) say of a RayJob, as far as a recipe can need it;
written by hand, since no package has the schema. What is inside a pod's template is for Kubernetes' own schema."""


@pytest.fixture
def manifests():
    return list(yaml.safe_load_all((CLUSTER / "rayjob.yaml").read_text()))


def test_shellcheck_has_no_finding_in_the_slurm_script():
    command = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([command, CLUSTER / "slurm.sh"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_rays_own_validator_accepts_the_cluster_for_ray_up():
    validate_config(prepare_config(yaml.safe_load((CLUSTER / "ray-cluster.yaml").read_text())))


@pytest.mark.parametrize("key", ["head_node_typ", "file_mount", "worker_setup_command"])
def test_rays_own_validator_refuses_a_key_that_there_is_not(key):
    config = prepare_config(yaml.safe_load((CLUSTER / "ray-cluster.yaml").read_text()))
    with pytest.raises(jsonschema.ValidationError, match=key):
        validate_config({**config, key: []})


def test_a_lost_head_is_not_a_spot_instance():
    types = yaml.safe_load((CLUSTER / "ray-cluster.yaml").read_text())["available_node_types"]
    assert "InstanceMarketOptions" not in types["head"]["node_config"]
    assert types["spot"]["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}


def test_the_ray_job_has_the_fields_that_kuberay_knows(manifests):
    jsonschema.validate(manifests[-1], RAY_JOB)


@pytest.mark.parametrize("path", ["spec/entryPoint", "spec/rayClusterSpec/workerGroupSpec", "spec/backofLimit"])
def test_a_field_that_kuberay_does_not_know_is_refused(manifests, path):
    job = copy.deepcopy(manifests[-1])
    *parents, name = path.split("/")
    node = job
    for parent in parents:
        node = node[parent]
    node[name] = "1"
    with pytest.raises(jsonschema.ValidationError, match=name):
        jsonschema.validate(job, RAY_JOB)


def test_what_the_ray_job_says_of_pods_is_what_kubernetes_knows(manifests):
    version = kubernetes_validate.latest_version()
    for manifest in manifests[:-1]:
        kubernetes_validate.validate(manifest, version, strict=True)
    cluster = manifests[-1]["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pods = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "x"}, "template": group["template"]}
        kubernetes_validate.validate(pods, version, strict=True)
        pods["template"]["spec"]["containers"][0]["volumeMount"] = []
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(pods, version, strict=True)


def test_every_volume_that_a_pod_mounts_is_one_of_the_manifest(manifests):
    claim, config, job = manifests
    names = {"sweeps": claim["metadata"]["name"], "config": config["metadata"]["name"]}
    cluster = job["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        spec = group["template"]["spec"]
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        assert volumes["sweeps"]["persistentVolumeClaim"]["claimName"] == names["sweeps"]
        assert volumes["config"]["configMap"]["name"] == names["config"]
        assert {mount["name"] for mount in spec["containers"][0]["volumeMounts"]} == set(volumes)


def test_the_sweep_file_in_the_config_map_is_one(manifests, tmp_path):
    (tmp_path / "sweep.yaml").write_text(manifests[1]["data"]["sweep.yaml"])
    spec = load_spec(tmp_path / "sweep.yaml")
    workers = manifests[-1]["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]
    container = workers["template"]["spec"]["containers"][0]
    assert spec.trial.resources.gpus == float(container["resources"]["limits"]["nvidia.com/gpu"])
    assert spec.search.concurrency == workers["replicas"]


def test_the_ray_job_has_the_ray_of_this_paretune(manifests):
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    (version,) = [re.search(r">=([\d.]+)", one)[1] for one in needed if one.startswith("ray[")]
    assert manifests[-1]["spec"]["rayClusterSpec"]["rayVersion"].startswith(version)

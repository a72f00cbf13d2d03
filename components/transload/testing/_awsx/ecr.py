"""`awsx.ecr.Repository`."""

from typing import Any

from transload.testing._awsx.children import Children


def expand_repository(children: Children, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """The repository in lower case, and a lifecycle policy that keeps one untagged image unless rules are given."""
    wanted = inputs.get("lifecyclePolicy") or {}
    rest = {wire: children.given(wire, value) for wire, value in inputs.items() if wire != "lifecyclePolicy"}
    repository = children.make("aws:ecr/repository:Repository", name.lower(), rest)
    outputs = {"repository": repository.reference, "url": repository.out("repositoryUrl")}
    if wanted.get("skip"):
        return outputs
    rules = wanted.get("rules") or [{"description": "remove untagged images", "tagStatus": "untagged", "maximumNumberOfImages": 1}]
    policy = children.make(
        "aws:ecr/lifecyclePolicy:LifecyclePolicy",
        name.lower(),
        {"repository": repository.out("name"), "policy": {"rules": _rules(rules)}, "region": inputs.get("region")},
    )
    return {**outputs, "lifecyclePolicy": policy.reference}


def _rules(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """ECR's form. The rule for any tag comes last, as ECR demands."""
    ordered = sorted(rules, key=lambda rule: rule.get("tagStatus") == "any")
    return [
        {
            "rulePriority": priority,
            "description": rule.get("description"),
            "selection": {**_tags(rule), **_count(rule)},
            "action": {"type": "expire"},
        }
        for priority, rule in enumerate(ordered, 1)
    ]


def _tags(rule: dict[str, Any]) -> dict[str, Any]:
    if rule.get("tagStatus") in ("any", "untagged"):
        return {"tagStatus": rule["tagStatus"]}
    if not rule.get("tagPrefixList"):
        raise ValueError("awsx.ecr.Repository: a lifecycle rule for tagged images needs tag_prefix_list")
    return {"tagStatus": "tagged", "tagPrefixList": rule["tagPrefixList"]}


def _count(rule: dict[str, Any]) -> dict[str, Any]:
    if rule.get("maximumNumberOfImages") is not None:
        return {"countType": "imageCountMoreThan", "countNumber": rule["maximumNumberOfImages"]}
    if rule.get("maximumAgeLimit") is not None:
        return {"countType": "sinceImagePushed", "countNumber": rule["maximumAgeLimit"], "countUnit": "days"}
    raise ValueError("awsx.ecr.Repository: a lifecycle rule needs maximum_number_of_images or maximum_age_limit")

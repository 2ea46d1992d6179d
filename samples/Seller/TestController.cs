using System.Collections.Concurrent;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using Adcp.Aot.Platform;

namespace Seller;

internal sealed record ControllerRequest
{
    [Required, StringLength(64)]
    public string? Scenario { get; init; }

    public ControllerParams? Params { get; init; }

    public ControllerAccount? Account { get; init; }
}

internal sealed record ControllerAccount(bool Sandbox = false);

internal sealed record ControllerParams
{
    [StringLength(255)]
    public string? ProductId { get; init; }

    [StringLength(255)]
    public string? PricingOptionId { get; init; }

    [RegularExpression("^[A-Za-z0-9_-]{1,64}$")]
    public string? MediaBuyId { get; init; }

    [RegularExpression("^[A-Za-z0-9_-]{1,64}$")]
    public string? TaskId { get; init; }

    public string? Arm { get; init; }

    [StringLength(2_000)]
    public string? Message { get; init; }

    public Fixture? Fixture { get; init; }

    public JsonElement? Result { get; init; }
}

internal sealed record Fixture(string? Currency = null, decimal? FixedPrice = null);

internal sealed record ControllerResponse(bool Success)
{
    public IReadOnlyList<string>? Scenarios { get; init; }

    public ForcedArm? Forced { get; init; }

    public string? PreviousState { get; init; }

    public string? CurrentState { get; init; }

    public string? Error { get; init; }

    public string? ErrorDetail { get; init; }
}

internal sealed record ForcedArm(string Arm, string? TaskId = null, string? Message = null);

/// <summary>
/// AdCP's test controller, by which its compliance runner creates states that a buyer cannot: products and media buys by given names,
/// and a call that is answered by a task. It acts for sandbox accounts only; all that this sample sells is a sandbox.
/// </summary>
internal sealed class TestController(Catalog catalog, MediaBuys buys, TimeProvider time)
{
    public static readonly string[] Scenarios = ["force_create_media_buy_arm", "force_task_completion"];

    private readonly ConcurrentDictionary<string, ForcedArm> _arms = new();

    /// <summary>Returns and removes the answer that was forced for the caller's next create_media_buy; <c>null</c> for none.</summary>
    public ForcedArm? TakeArm(string tenant) => _arms.TryRemove(tenant, out ForcedArm? arm) ? arm : null;

    public async Task<ControllerResponse> PerformAsync(ControllerRequest request, string tenant, TaskHandOff tasks)
    {
        if (request.Scenario == "list_scenarios")
        {
            return new ControllerResponse(true) { Scenarios = Scenarios };
        }

        if (request.Account is not { Sandbox: true })
        {
            return Failed("FORBIDDEN", "Only for a sandbox account: account.sandbox is true.");
        }

        return (request.Scenario, request.Params) switch
        {
            ("seed_product", { ProductId: { } id }) => Seed(tenant, id, null, null),
            ("seed_pricing_option", { ProductId: { } id, PricingOptionId: { } option } given) => Seed(tenant, id, option, given.Fixture),
            ("seed_media_buy", { MediaBuyId: { } id } given) => await SeedMediaBuyAsync(tenant, id, given.Fixture),
            ("force_create_media_buy_arm", { Arm: "submitted", TaskId: { } id } given) => Force(tenant, id, given.Message),
            ("force_task_completion", { TaskId: { } id, Result: { ValueKind: JsonValueKind.Object } result }) =>
                await CompleteAsync(tasks, tenant, id, result),
            ("seed_product" or "seed_pricing_option" or "seed_media_buy" or "force_create_media_buy_arm" or "force_task_completion", _) =>
                Failed("INVALID_PARAMS", "A parameter is missing."),
            _ => Failed("UNKNOWN_SCENARIO", "Not a scenario of this seller."),
        };
    }

    private static ControllerResponse Failed(string error, string detail) => new(false) { Error = error, ErrorDetail = detail };

    private static async Task<ControllerResponse> CompleteAsync(TaskHandOff tasks, string tenant, string taskId, JsonElement result) =>
        await tasks.CompleteAsync(tenant, taskId, result, SellerJson.Default.JsonElement) switch
        {
            TaskTransition.Entered => new ControllerResponse(true) { PreviousState = "submitted", CurrentState = "completed" },
            TaskTransition.Repeated => new ControllerResponse(true) { PreviousState = "completed", CurrentState = "completed" },
            TaskTransition.Unknown => Failed("NOT_FOUND", "The caller has no such task."),
            _ => Failed("INVALID_TRANSITION", "The task has ended with another result."),
        };

    private ControllerResponse Seed(string tenant, string productId, string? pricingOptionId, Fixture? fixture) =>
        catalog.TrySeed(tenant, productId, pricingOptionId, fixture?.Currency, fixture?.FixedPrice)
            ? new ControllerResponse(true)
            : Failed("INVALID_STATE", "The caller has too many products of its own.");

    private async Task<ControllerResponse> SeedMediaBuyAsync(string tenant, string mediaBuyId, Fixture? fixture)
    {
        DateTimeOffset now = time.GetUtcNow();
        CreateMediaBuyResponse buy =
            new() { MediaBuyId = mediaBuyId, ConfirmedAt = now, Revision = 1, Packages = [new Package("pkg_1", Budget: 100m)] };
        KeptBuy kept = new(tenant, null, buy, null, IsActive: true)
        { Currency = fixture?.Currency ?? "USD", Start = now, End = now.AddDays(30) };
        await buys.SaveAsync(kept);
        return new ControllerResponse(true);
    }

    private ControllerResponse Force(string tenant, string taskId, string? message)
    {
        ForcedArm arm = new("submitted", taskId, message);
        _arms[tenant] = arm;
        return new ControllerResponse(true) { Forced = arm };
    }
}

"""Reasons that are kept and shown in tables: how sources, batches, watches, deliveries and schedules stand. Pure.

Values are as in `refusals`; `{reasons}` are the reasons of several sources, each behind its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CHINESE: Final[Mapping[str, str]] = {
    # what came of asking sources
    "Collection Failed. Please Retry. ({reasons})": "采集失败，请重试。（{reasons}）",
    "Collection Failed. Please Retry.": "采集失败，请重试。",
    "Collection Failed: no source is configured; the operator adds one under [[source]] in hongshu.toml.": (
        "采集失败：没有配置来源；请管理员在 hongshu.toml 的 [[source]] 下添加。"
    ),
    "no such creator there": "没有这位博主",
    "the page was not believable": "页面内容不可信",
    "blocked": "被拦截",
    "the answer was no page": "应答不是一页笔记",
    "refused": "被拒绝",
    "no time was left": "没有剩余时间",
    "this page was not recorded": "没有录制此页",
    "no answer": "没有应答",
    "no answer in time": "未及时应答",
    "not reached": "无法连接",
    "failed": "请求失败",
    "the question was given up": "请求已放弃",
    # why a source may not be asked
    "paused until the operator resumes it": "已暂停，等待管理员恢复",
    "outside its hours": "不在其时段内",
    "resting: {why}": "暂停请求：{why}",
    "it told us to wait": "来源要求等待",
    "what it costs cannot be written down now": "目前无法记录其费用",
    "no place was free in time": "没有及时空出的位置",
    "its daily cap of {why} is used up until {time}": "其每日上限 {why}已用完，至 {time} 恢复",
    "{number} calls": "{number} 次调用",
    "{number} credits": "{number} 积分",
    "its pace leaves no room for this call": "其请求间隔容不下这次调用",
    "it was closed": "已关闭",
    "the folder {folder} cannot be read ({reason})": "文件夹 {folder} 无法读取（{reason}）",
    # what a source answered
    "{why} (HTTP {status})": "{why}（HTTP {status}）",
    "a page came with HTTP {status}": "页面附带 HTTP {status}",
    "HTTP {status}: the site asks for a verification": "HTTP {status}：网站要求验证",
    "a web page without a profile: a login wall or a block": "网页中没有主页：需要登录或被拦截",
    "the profile page came without the profile: a block": "主页页面中没有主页内容：被拦截",
    "it says success and holds nothing: a block": "应答称成功却没有内容：被拦截",
    "the site rejected the request's signature": "网站拒绝了请求的签名",
    "the login has expired": "登录已过期",
    "the site asks for a login": "网站要求登录",
    "the account has no permission": "账户没有权限",
    "the site asks for a verification": "网站要求验证",
    "the account is restricted": "账户受到限制",
    "the network address is blocked": "网络地址被封禁",
    "the site says: too frequent": "网站提示：过于频繁",
    "the site rejected the browser's fingerprint": "网站拒绝了浏览器指纹",
    "the site's access token is missing or expired": "网站的访问令牌缺失或已过期",
    "the site says: not found": "网站提示：不存在",
    "the site says: hidden or abnormal": "网站提示：已隐藏或异常",
    "the peer says: no such creator": "对方提示：没有这位博主",
    "the peer refused our token": "对方拒绝了我们的令牌",
    "the peer has no such API": "对方没有这个 API",
    "the peer could not collect the page": "对方未能采集此页",
    "the peer's rate limit is reached": "已达到对方的频率限制",
    "our daily quota at the peer is used up": "我们在对方的每日配额已用完",
    "the peer refused the parameters": "对方拒绝了参数",
    "the peer failed": "对方出错",
    "the peer is not available": "对方不可用",
    "our token at the peer lacks the permission": "我们在对方的令牌缺少权限",
    "our balance at the peer is used up": "我们在对方的余额已用完",
    "the peer answered code {code}": "对方应答的业务码为 {code}",
    "the page is in the {form} form, which this source never sends": "页面为 {form} 形式，此来源从不发送",
    "it holds another creator's notes": "含有其他博主的笔记",
    "it does not continue after the cursor": "没有接续游标之后的内容",
    "it promises more notes and holds none": "称还有更多笔记，却没有任何笔记",
    "it holds no notes where we know some": "没有笔记，而我们已有该处的笔记",
    "it holds no notes and does not say that the creator exists": "没有笔记，也没有说明博主存在",
    "it holds {why}": "应答是{why}",
    "search results, not one creator's list": "搜索结果，而不是一位博主的列表",
    "no list of notes": "其他内容，而不是笔记列表",
    "it holds more than {number} notes": "笔记超过 {number} 篇",
    "it holds more than {number} values": "取值超过 {number} 个",
    "it is nested deeper than {number} levels": "嵌套超过 {number} 层",
    "it is not UTF-8 text": "不是 UTF-8 文本",
    "it is not valid JSON": "不是有效的 JSON",
    "it is no JSON object": "不是 JSON 对象",
    "it has no `data`": "没有 `data`",
    "it has no integer `code`": "没有整数的 `code`",
    "a note has no id of 24 hex digits": "有笔记缺少 24 位十六进制的 ID",
    "the page carries no __INITIAL_STATE__": "页面中没有 __INITIAL_STATE__",
    # unusual fields
    "filled in {share} of the notes, usually in {usual}": "目前 {share} 的笔记填有此字段，通常为 {usual}",
    "comes as {form}, usually as {usual}": "目前为 {form} 类型，通常为 {usual} 类型",
    # batches and their targets
    "the batch's cap of {number} calls is used up": "批次的上限 {number} 次调用已用完",
    "the batch's cap of {number} credits leaves no room for another call": "批次的上限 {number} 积分不足以再调用一次",
    "the batch was cancelled": "批次已取消",
    "the page was not paid for; order it again": "该页未付费；请重新发起",
    "a page held nothing new, though more was promised": "有一页没有新内容，却称还有更多",
    "the source repeats itself": "来源重复返回相同内容",
    "no end after {number} pages": "{number} 页之后仍未结束",
    # what an account's pages are refused with
    "Daily Quota Exceeded. This token may make {number} calls a day; {count} are used or in flight. The quota day {day}"
    " ({zone}) ends at {time}; call again then.": (
        "每日配额已用完。此令牌每日可调用 {number} 次；已用或进行中 {count} 次。配额日 {day}（{zone}）于 {time} 结束，"
        "届时再调用。"
    ),
    "Insufficient Balance. This call costs {number} credits; the balance is {balance}, {held} of it held by calls in"
    " flight. Ask the operator for a top-up, then call again.": (
        "余额不足。此次调用需要 {number} 积分；余额为 {balance}，其中 {held} 由进行中的调用预留。"
        "请联系管理员充值后再调用。"
    ),
    "Permission Denied. This token lacks the scope {scope}; ask the operator for one that has it.": (
        "没有权限。此令牌缺少权限范围 {scope}；请向管理员获取具有该范围的令牌。"
    ),
    "Permission Denied. This token may not be used from this address; ask the operator to allow it.": (
        "没有权限。此令牌不可从该地址使用；请联系管理员允许。"
    ),
    "Permission Denied. The account is suspended; ask the operator to resume it.": (
        "没有权限。账户已停用；请联系管理员恢复。"
    ),
    "Invalid or Inactive Token. Pass a valid token as ?token=… or as 'Authorization: Bearer …'.": (
        "令牌无效或已停用。请以 ?token=… 或 'Authorization: Bearer …' 传递有效的令牌。"
    ),
    "Internal Server Error. Please try again; if it stays, tell the operator the requestId.": (
        "服务器内部错误。请重试；若仍然如此，请将 requestId 告知管理员。"
    ),
    "The server is busy or shutting down. Try again after the time that Retry-After states.": (
        "服务器繁忙或正在停止。请在 Retry-After 所示时间之后重试。"
    ),
    # watches and their plan
    "the look failed; the log says why": "观察失败；原因见日志",
    "not looked at yet; taken to be like the others": "尚未观察；按其他博主估计",
    "about {rate} notes a day": "每天约 {rate} 篇笔记",
    "{why}, so rarely that the least number of looks is enough": "{why}，很少发布，最低观察次数即可",
    "{why}, most around {number}:00 (Shanghai)": "{why}，多在 {number}:00 前后（北京时间）",
    "{why}; learned from {number} notes": "{why}；依据 {number} 篇笔记",
    "{why}; by what others do": "{why}；按其他博主的规律",
    # deliveries and channels
    "sent": "已发送",
    "{why}; redirects are not followed": "{why}；不跟随重定向",
    "no answer within {number} s": "{number} 秒内没有应答",
    "not sent within {number} s": "未能在 {number} 秒内发送",
    "cannot be sent": "无法发送",
    "failed ({error})": "失败（{error}）",
    "not taken ({error})": "未被接收（{error}）",
    "not taken by the service": "服务未接收",
    "the channel is closed or not there any more": "渠道已关闭或已不存在",
    "not delivered within {number} days; the report is given up": "{number} 天内未送达；已放弃该报告",
    "the report's file cannot be read ({reason})": "报告文件无法读取（{reason}）",
    "the report's file is not what was made; it was changed, and is not sent": (
        "报告文件与生成时不同，已被更改，不再发送"
    ),
    "the connection failed ({error})": "连接失败（{error}）",
    "the address may not be asked: {why}": "不可访问该地址：{why}",
    "it does not lead to the open internet": "它不指向公共互联网",
    "outside the allowed networks only https may be": "在允许的网段之外只可使用 https",
    "its name leads nowhere now": "其域名目前无法解析",
    "it is no plain http or https address": "它不是普通的 http 或 https 地址",
    "the address is none of a webhook, chat or mail; write it like slack://…, in one line": (
        "地址不是 Webhook、聊天工具或邮件；请写成一行，如 slack://…"
    ),
    "channels do not send by {scheme}://; use one of {choices}": "渠道不支持 {scheme}://；请使用其中之一：{choices}",
    "the address holds a parameter that channels do not take; leave away what follows the ?": (
        "地址含有渠道不接受的参数；请去掉 ? 之后的内容"
    ),
    "the address is not as {scheme}:// needs it; copy it again": "地址不符合 {scheme}:// 的格式；请重新复制",
    "chat and mail need apprise; install it with: pip install 'hongshu[notify]'": (
        "聊天工具和邮件需要 apprise；安装命令：pip install 'hongshu[notify]'"
    ),
    # scheduled reports
    'there is no channel "{channel}" any more; add it again, or remove the schedule': (
        "渠道“{channel}”已不存在；请重新添加，或移除该定期报告"
    ),
    "the channel was closed by its receiver; open it again with: hongshu channel open {channel}": (
        "渠道已被接收方关闭；重新开启：hongshu channel open {channel}"
    ),
    "the report failed; the log says why": "报告生成失败；原因见日志",
    # the proof of the ledger
    "an account holds something of a wrong kind": "账户含有类型不符的内容",
    "entries of an account that there is not": "分录所属的账户不存在",
    "the call {call} was answered with code 0 and is not in the ledger": "调用 {call} 以业务码 0 应答，却不在账本中",
    "a charge whose call is not in the call log": "扣费对应的调用不在调用日志中",
    "the entry holds something of a wrong kind": "分录含有类型不符的内容",
    "the entry does not follow from the one before": "分录与前一笔不衔接",
    "its number is {number}, not {count}": "其序号为 {number}，而不是 {count}",
    "the balance after it is {balance}, not {number}": "其后余额为 {balance}，而不是 {number}",
    "the {what} is {number}, but {other} is {count}": "{what}为 {number}，但{other}为 {count}",
    "the account's seal does not fit the end of its chain": "账户的封印与其链的末端不符",
    "the account's chain ends in another entry than its last": "账户的链没有终止于其最后一笔分录",
}
